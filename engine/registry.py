"""Every data set, network, defense, view and inference attack there is: a row each, in the order of tables.

No torch, numpy or scikit-learn: a row names its code as `module:object`, imported when used (`RegistryRow.load`).
Certifications stand cheapest first, attacks the paper's first. Other packages add rows by entry points, see
`engine/extending.md`.
"""

from engine.registry_rows import (
    LEFT_OUT,
    AttackRow,
    CertificationRow,
    DatasetRow,
    DefenseRow,
    NetworkRow,
    Registry,
    ViewRow,
)

NATURAL = "natural"
"""The defense that is none: what others are compared with."""
BENIGN = "benign"
"""The view of the images themselves, which every run has."""
CERTIFIED = "certified"
"""The view of verified bounds, which verifiable defenses have."""
HEADLINE = "confidence"
"""The attack behind the headline numbers, I_B, I_A and I_V."""

DATASETS = Registry(
    "datasets",
    DatasetRow(
        name="digits",
        words="1797 handwritten digits of 8x8 pixels",
        code="engine.data.standard:digits",
        files="engine.data.sources:digits_files",
        needs=("sklearn",),
        network="small-cnn",
        capacity=2.0,
        epsilon=0.1,
        examples=(600, 1197),
        image_size=(8, 8),
        classes=10,
    ),
    DatasetRow(
        name="yale",
        words="Extended Yale B: 2414 faces of 38 people",
        code="engine.data.yale:yale",
        files="engine.data.sources:yale_files",
        network="yale-cnn",
        capacity=8.0,
        epsilon=8 / 255,
        in_paper=True,
        examples=(1900, 514),
        image_size=(192, 168),
        classes=38,
    ),
    DatasetRow(
        name="fashion-mnist",
        words="Fashion-MNIST: 70,000 grey images of clothes",
        code="engine.data.standard:fashion_mnist",
        files="engine.data.sources:fashion_files",
        download="engine.data.standard:download",
        needs=("torchvision",),
        network="fashion-cnn",
        capacity=16.0,
        epsilon=0.1,
        in_paper=True,
        examples=(60_000, 10_000),
        image_size=(28, 28),
        classes=10,
    ),
    DatasetRow(
        name="cifar10",
        words="CIFAR-10: 60,000 colour images",
        code="engine.data.standard:cifar10",
        files="engine.data.sources:cifar_files",
        download="engine.data.standard:download",
        needs=("torchvision",),
        network="wide-resnet",
        capacity=10.0,
        epsilon=8 / 255,
        in_paper=True,
        examples=(50_000, 10_000),
        image_size=(32, 32),
        classes=10,
    ),
    DatasetRow(
        name="folder",
        words="an image folder of one's own",
        code="engine.data.folder:folder",
        files="engine.data.sources:folder_files",
        needs=("PIL",),
        network="wide-resnet",
        capacity=1.0,
        epsilon=8 / 255,
        recipes="cifar10",
        examples=(10_000, 2_500),
        image_size=(64, 64),
        classes=10,
        at_path=True,
    ),
)

NETWORKS = Registry(
    "networks",
    NetworkRow(
        name="small-cnn",
        words="two convolutions, for digits",
        code="engine.models.networks:small_cnn",
        parameters=(1152, 160, 256, 640),
    ),
    NetworkRow(
        name="yale-cnn",
        words="eight convolutions, the paper's for Yale",
        code="engine.models.networks:yale_cnn",
        parameters=(1143, 50, 6.25, 7600),
    ),
    NetworkRow(
        name="fashion-cnn",
        words="six convolutions, the paper's for Fashion-MNIST",
        code="engine.models.networks:fashion_cnn",
        parameters=(27648, 300, 400, 2000),
    ),
    NetworkRow(
        name="wide-resnet",
        words="a wide residual network, the paper's for CIFAR-10",
        code="engine.models.networks:wide_resnet",
        parameters=(463_000, 3_000, 0, 0),
    ),
)

DEFENSES = Registry(
    "defenses",
    DefenseRow(
        name=NATURAL,
        words="cross-entropy on the images as they are",
        code="engine.training.defenses.natural:loss",
        recipe="engine.spec.recipes.settings:Recipe",
        budget="none",
    ),
    DefenseRow(
        name="pgd",
        words="training on PGD examples (Madry et al. 2018)",
        code="engine.training.defenses.pgd:loss",
        recipe="engine.spec.recipes.settings:PGDRecipe",
    ),
    DefenseRow(
        name="distributional",
        words="training on images moved at a price (Sinha et al. 2018)",
        code="engine.training.defenses.distributional:loss",
        recipe="engine.spec.recipes.settings:DistributionalRecipe",
        budget="evaluated",
    ),
    DefenseRow(
        name="trades",
        words="difference-based training (Zhang et al. 2019)",
        code="engine.training.defenses.trades:loss",
        recipe="engine.spec.recipes.settings:TRADESRecipe",
    ),
    DefenseRow(
        name="dual",
        words="certified by the dual bound (Wong and Kolter 2018)",
        code="engine.training.defenses.dual:loss",
        recipe="engine.spec.recipes.settings:DualRecipe",
        certification="dual",
    ),
    DefenseRow(
        name="abstract",
        words="DiffAI with boxes (Mirman et al. 2018)",
        code="engine.training.defenses.abstract:loss",
        recipe="engine.spec.recipes.settings:AbstractRecipe",
        certification="ibp",
    ),
    DefenseRow(
        name="ibp",
        words="interval bound propagation (Gowal et al. 2018)",
        code="engine.training.defenses.ibp:loss",
        recipe="engine.spec.recipes.settings:IBPRecipe",
        certification="ibp",
    ),
    DefenseRow(
        name="pretrained",
        words="weights that come trained",
        recipe="engine.spec.recipes.settings:PretrainedRecipe",
        budget="none",
    ),
)

VIEWS = Registry(
    "views",
    ViewRow(
        name=BENIGN,
        words="the answers to the images themselves",
        code="engine.evaluation.views:benign",
        short="ben",
        letter="B",
    ),
    ViewRow(
        name="adversarial",
        words="the answers to untargeted PGD examples",
        code="engine.evaluation.views:adversarial",
        short="adv",
        letter="A",
        attacks=True,
    ),
    ViewRow(
        name="targeted",
        words="the answers to PGD examples towards each wrong class",
        code="engine.evaluation.views:targeted",
        short="tgt",
        letter="T",
        headline=False,
        attacks=True,
        of_each_wrong_class=True,
    ),
    ViewRow(
        name=CERTIFIED,
        words="the worst answers in a whole box, by a verified bound",
        code="engine.evaluation.views:certified",
        short="cert",
        letter="V",
        bounds=True,
    ),
)

ATTACKS = Registry(
    "attacks",
    AttackRow(
        name=HEADLINE,
        words="a threshold on the confidence in the true class",
        short="conf",
        score="engine.evaluation.predictions:Answers.confidence",
    ),
    AttackRow(
        name="confidence-class",
        words="the same for each class",
        short="conf-class",
        code="engine.inference.threshold_class:audit",
        score="engine.evaluation.predictions:Answers.confidence",
        settings=("per_class", "splits", "seed"),
        by_class="conf",
    ),
    AttackRow(
        name="model-class",
        words="inference networks for each class",
        short="model-class",
        code="engine.inference.model_class:audit",
        settings=("per_class", "network_splits", "restarts", "seed"),
        rules=("heldout",),
        by_class="model",
        slow=True,
    ),
    AttackRow(
        name="gap",
        words="the correctness rule: a member where the model is right",
        short="gap",
        code="engine.inference.gap:audit",
        settings=(),
        rules=("none",),
    ),
    AttackRow(
        name="entropy",
        words="a threshold on the modified entropy (Song and Mittal 2021)",
        short="entr",
        score="engine.inference.scores:modified_entropy",
    ),
    AttackRow(
        name="entropy-class",
        words="the same for each class",
        short="entr-class",
        code="engine.inference.threshold_class:audit",
        score="engine.inference.scores:modified_entropy",
        settings=("per_class", "splits", "seed"),
        by_class="entropy",
    ),
    AttackRow(
        name="margin",
        words="a threshold on the log-odds of the true class",
        short="margin",
        score="engine.evaluation.predictions:Answers.margin",
    ),
    AttackRow(
        name="margin-class",
        words="the same for each class",
        short="margin-class",
        code="engine.inference.threshold_class:audit",
        score="engine.evaluation.predictions:Answers.margin",
        settings=("per_class", "splits", "seed"),
        by_class="margin",
    ),
    AttackRow(
        name="lira",
        words="the likelihood ratio among models trained alike (Carlini et al. 2022)",
        short="lira",
        code="engine.inference.population.audit:audit",
        score="engine.inference.population.lira:attack",
        settings=("variance", "seed"),
        rules=("references", "oracle"),
        references=True,
    ),
    AttackRow(
        name="rmia",
        words="how much surer it is than models trained alike (Zarifzadeh et al. 2024)",
        short="rmia",
        code="engine.inference.population.audit:audit",
        score="engine.inference.population.rmia:attack",
        settings=("seed",),
        rules=("references", "oracle"),
        references=True,
    ),
)


def written_datasets() -> list[str]:
    """Data sets as a sweep file names them: those at a path as NAME:PATH."""
    return [row.written for row in DATASETS.values()]


def training_defenses() -> list[str]:
    """Defenses that train; the others' weights come trained."""
    return [name for name, row in DEFENSES.items() if row.trains]


def attacks_on(split: str = "paper") -> tuple[str, ...]:
    """Inference attacks on a run whose members are drawn so; where nobody draws them, there is no population."""
    return tuple(name for name, row in ATTACKS.items() if split != "paper" or not row.references)


def left_out() -> list[str]:
    """Entry points that gave no row, after a look at all of them."""
    for rows in (DATASETS, NETWORKS, DEFENSES, VIEWS, ATTACKS):
        len(rows)
    return LEFT_OUT


def headline_views() -> tuple[str, ...]:
    """Views whose numbers stand in the list of runs."""
    return tuple(view for view, row in VIEWS.items() if row.headline)


_LIRPA = ("auto_LiRPA", "appdirs", "tqdm")
CERTIFICATIONS = Registry(
    "certifications",
    CertificationRow(name="ibp", words="interval bound propagation", passes=3.0),
    CertificationRow(name="crown-ibp", words="CROWN-IBP (auto_LiRPA)", passes=100.0, needs=_LIRPA),
    CertificationRow(name="dual", words="the dual bound", passes=1000.0),
    CertificationRow(name="crown", words="CROWN (auto_LiRPA)", passes=8000.0, needs=_LIRPA),
    CertificationRow(name="alpha-crown", words="alpha-CROWN (auto_LiRPA)", passes=10000.0, needs=_LIRPA),
)
