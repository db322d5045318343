import pytest

from engine import registry
from engine.spec import sweeps
from engine.spec.recipes import SCALES, known_overrides
from engine.validation import SpecError
from explorer.project.planning import Draft, SweepText
from explorer.project.planning.sweep_text import offers

DIGITS = 'dataset = "digits"\n'


def text(content, scale="quick"):
    return SweepText(text=content, scale=scale, data_root=".", device="auto", on="local", name="mine")


def offered(typed):
    """What may come at the end of a text."""
    row, last = typed.count("\n"), typed.rpartition("\n")[2]
    begun, found = offers(typed, row, len(last))
    return {offer.word: last[: len(last) - len(begun)] + offer.text for offer in found}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("dataset = ", registry.written_datasets()),
        ("network = ", [*registry.NETWORKS, "module:callable"]),
        ("[grid]\ndefense = ", list(registry.DEFENSES)),
        ("[evaluation]\nviews = [", list(registry.VIEWS)),
        ("[evaluation]\ncertification = ", list(registry.CERTIFICATIONS)),
        ("[inference]\nattacks = [", list(registry.ATTACKS)),
        ("[recipe]\n", sorted(known_overrides())),
        ("[quick.recipe]\n", sorted(known_overrides())),
        ("[recipe]\noptimizer = ", ["adam", "sgd"]),
        ("[recipe]\nchannels_last = ", ["true", "false"]),
        ('[grid]\n"recipe.optimizer" = [', ["adam", "sgd"]),
        ('[grid]\ndefense = [\n  "natural",\n  "p', ["pgd", "pretrained", "ibp"]),
        ("", [*sweeps.LABELS, *sweeps.SECTIONS]),
        ("[grid]\ndefense = ['pgd']\nca", ["capacity", "recipe.decays"]),
        ("# [gr", []),
        ('[grid]\ndefense = ["pgd"]', []),
        ("[grid]\ncapacity = ", []),
    ],
)
def test_what_may_come_is_what_the_engine_allows(typed, words):
    found = list(offered(typed))
    assert found[: len(words)] == words if typed.endswith("ca") else sorted(found) == sorted(words)


@pytest.mark.parametrize(
    ("typed", "word", "line"),
    [
        ("data", "dataset", "dataset = "),
        ("gr", "grid", "[grid]"),
        ("[quick.g", "quick.grid", "[quick.grid]"),
        ("[grid]\nop", "recipe.optimizer", '"recipe.optimizer" = '),
        ("[grid]\ndefense = p", "pgd", 'defense = ["pgd"]'),
        ('[grid]\ndefense = ["natural", "p', "pgd", 'defense = ["natural", "pgd"'),
        ('dataset = "di', "digits", 'dataset = "digits"'),
        ("[evaluation]\nviews = ", "benign", 'views = ["benign"]'),
    ],
)
def test_it_is_written_as_toml_wants_it(typed, word, line):
    assert offered(typed)[word] == line


def test_a_quotation_mark_that_stands_already_is_not_written_twice():
    (offer, *_) = offers('dataset = "di"', 0, 13)[1]
    assert offer.text == '"digits'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"{DIGITS}[grid]\nseed = [0]\nepsilon = [8]\n", "line 4: grid.epsilon: 8 is not allowed; allowed: 0 to 1"),
        (f"{DIGITS}[evaluation]\nstepz = 3\n", "line 3: evaluation.stepz: 'stepz' is not allowed"),
        (f"{DIGITS}[quick.grid]\ncapacity = [0]\n[grid]\ncapacity = [1]\n", "line 3: capacity: 0"),
        (f"{DIGITS}[gird]\n", "line 2: gird: 'gird' is not allowed"),
        (f"{DIGITS}x = \n", "line 2: not TOML: "),
        (f"{DIGITS}x = [\n", "line 3: not TOML: "),
        ("dataset = 'digitz'\n", "line 1: dataset: 'digitz'"),
        ("", "dataset: "),
    ],
)
def test_a_mistake_has_its_line(content, said):
    sweep = text(content)
    with pytest.raises(SpecError) as refused:
        list(sweeps.expand(*sweeps.settle(sweep.table(), "quick"), "quick"))
    row, words = sweep.mistake(str(refused.value))
    assert words.startswith(said)
    assert (row is None) == (not said.startswith("line"))


@pytest.mark.parametrize(
    ("preset", "scale"), [(preset, scale) for preset in ("demo", "mixed", "population") for scale in SCALES]
)
def test_what_fields_can_show_comes_back_from_the_text(preset, scale):
    draft = Draft.from_preset(preset, scale, ".")
    fields = text(draft.to_toml(), scale).as_fields()
    assert fields.to_toml() == draft.to_toml()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (f"{DIGITS}[paper.grid]\nseed = [1]\n", "fields cannot show [paper], which is for one scale"),
        (f"{DIGITS}# mine\n", "fields cannot show comments"),
        (f"{DIGITS}[grid]\nepsilon = 8\n", "grid.epsilon: 8 is not allowed"),
    ],
)
def test_what_fields_cannot_show_is_said(content, why):
    with pytest.raises(SpecError, match=why.replace("[", r"\[")):
        text(content).as_fields()


def test_settings_without_a_field_survive_a_change_in_one():
    fields = text(
        f"{DIGITS}description = 'x'\n[recipe]\nbatch_size = 32\n[grid]\n'recipe.dropout' = [0.1]\n"
    ).as_fields()
    assert fields.table()["recipe"] == {"batch_size": 32}
    assert fields.table()["description"] == "x"
    assert fields.table()["grid"]["recipe.dropout"] == [0.1]
