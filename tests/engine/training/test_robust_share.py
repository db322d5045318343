import numpy as np
import pytest
import torch
from torch import nn

from engine import inference
from engine.evaluation import prediction_files, predictions
from engine.evaluation.predictions import Answers, Predictions
from engine.inference import threshold
from engine.registry import ATTACKS, DEFENSES
from engine.spec.experiment import Data, Evaluation, Experiment, Inference
from engine.spec.recipes import recipe_for
from engine.training import robust_share
from engine.validation import SpecError


def experiment(**recipe):
    return Experiment(
        data=Data(name="digits"),
        network="small-cnn",
        capacity=1,
        defense="pgd",
        epsilon=0.1,
        seed=3,
        recipe=recipe_for("pgd", "digits", "quick", recipe),
        evaluation=Evaluation(epsilon=0.1),
    )


@pytest.fixture
def batch():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3)).double()
    return model, torch.rand(8, 1, 6, 6).double(), torch.arange(8) % 3


def test_the_neutral_share_changes_no_id():
    assert experiment(robust_share=1.0, share_of="data").run_id == experiment().run_id
    assert experiment(robust_share=1.0, share_of="data").training_id == experiment().training_id
    assert experiment(robust_share=0.5).run_id != experiment().run_id
    assert experiment(robust_share=0.5).training_id != experiment(robust_share=0.5, share_of="data").training_id


@pytest.mark.parametrize(("setting", "value"), [("robust_share", 0), ("robust_share", 1.1), ("share_of", "class")])
def test_impossible_shares_are_refused(setting, value):
    with pytest.raises(SpecError, match=setting):
        experiment(**{setting: value})


def test_the_same_images_are_robust_throughout_and_no_others():
    found = robust_share.robust_images(experiment(robust_share=0.25, share_of="data"), 100)
    assert found.sum() == 25
    assert torch.equal(found, robust_share.robust_images(experiment(robust_share=0.25, share_of="data"), 100))
    rows = torch.randperm(100)[:40]
    assert torch.equal(robust_share.robust_rows(experiment().recipe, rows, found), found[rows])


def test_a_share_of_every_batch_belongs_to_no_image():
    mixed = experiment(robust_share=0.3)
    assert robust_share.robust_images(mixed, 100) is None
    assert robust_share.robust_rows(mixed.recipe, torch.arange(50), None).sum() == 15
    assert robust_share.robust_rows(experiment().recipe, torch.arange(50), None) is None


def test_the_loss_is_the_mean_over_both_kinds(batch):
    model, x, y = batch
    mixed, robust = experiment(robust_share=0.25, random_start=False), torch.arange(8) < 2
    own = DEFENSES["pgd"].load()(model, x[:2], y[:2], mixed.recipe, 0.1, 1000)
    plain = DEFENSES["natural"].load()(model, x[2:], y[2:], mixed.recipe, 0.0, 0)
    found = robust_share.loss(model, x, y, robust, mixed, 1000)
    assert torch.allclose(found, ((2 * own + 6 * plain) / 8).to(found.dtype))
    assert torch.equal(
        robust_share.loss(model, x, y, None, mixed, 1000), DEFENSES["pgd"].load()(model, x, y, mixed.recipe, 0.1, 1000)
    )


@pytest.mark.parametrize("kind", [torch.zeros(8, dtype=torch.bool), torch.ones(8, dtype=torch.bool)])
def test_a_batch_of_one_kind_has_that_kinds_loss(batch, kind):
    model, x, y = batch
    mixed = experiment(robust_share=0.5, random_start=False)
    name = "pgd" if kind.all() else "natural"
    expected = DEFENSES[name].load()(model, x, y, mixed.recipe, 0.1, 1000)
    assert torch.allclose(robust_share.loss(model, x, y, kind, mixed, 1000).double(), expected.double())


def answers(robust):
    generator = np.random.default_rng(0)
    labels = {"train": np.arange(200) % 4, "test": np.arange(100) % 4}
    views = {split: Answers.from_logits(generator.normal(size=(len(own), 4))) for split, own in labels.items()}
    index = {split: np.arange(len(own), dtype=np.int32) for split, own in labels.items()}
    return Predictions(labels, index, {"benign": views}, robust)


def test_both_groups_are_attacked_apart_and_together_alike():
    robust = np.arange(200) % 4 < 1
    settings = Inference(attacks=("confidence", "gap"))
    found = list(inference.audit(answers(robust), settings))
    alike = list(inference.audit(answers(None), settings))
    assert [fact for fact in found if fact.attack in settings.attacks] == alike
    sizes = {fact.attack: fact.n_member for fact in found if fact.threshold_rule == "oracle"}
    assert sizes == {"confidence": 200, "confidence-robust": 50, "confidence-plain": 150}


def test_a_group_alone_is_audited_as_if_there_were_no_others():
    robust = np.arange(200) < 60
    (own,) = [
        fact
        for fact in inference.audit(answers(robust), Inference(attacks=("confidence",)))
        if (fact.attack, fact.metric, fact.threshold_rule) == ("confidence-robust", "auc", "none")
    ]
    part, generator = answers(None).of_members(robust), np.random.default_rng(0)
    facts = threshold.audit(part, "benign", Inference(), generator, ATTACKS["confidence"])
    assert own.value == next(fact.value for fact in facts if fact.metric == "auc")


def test_who_was_robust_is_kept_in_the_file(tmp_path):
    robust = np.arange(200) < 60
    predictions.save(tmp_path / "p.npz", answers(robust))
    assert np.array_equal(prediction_files.load(tmp_path / "p.npz").robust, robust)
    predictions.save(tmp_path / "p.npz", answers(None))
    assert prediction_files.load(tmp_path / "p.npz").robust is None
    predictions.save(tmp_path / "p.npz", answers(robust[:10]))
    with pytest.raises(SpecError, match="train_robust"):
        prediction_files.load(tmp_path / "p.npz")
