"""The registry: rows whose code is there, and rows of other packages."""

import dataclasses
import importlib
import sys

import pytest

from engine import registry
from engine.registry.rows import INFERENCE_SETTINGS, LEFT_OUT, _entry_points
from engine.validation import SpecError

TABLES = (
    registry.DATASETS,
    registry.NETWORKS,
    registry.DEFENSES,
    registry.VIEWS,
    registry.ATTACKS,
    registry.CERTIFICATIONS,
)


def test_all_that_rows_name_is_there():
    parts = ("code", "files", "download", "recipe", "score")
    for table in TABLES:
        for name, row in table.items():
            assert row.name == name
            for part in parts:
                if getattr(row, part, ""):
                    assert callable(row.load(part))


def test_the_settings_of_attacks_are_those_of_a_sweep_file():
    from engine.spec.experiment import Inference

    assert set(INFERENCE_SETTINGS) == set(Inference.__dataclass_fields__) - {"attacks"}


def test_code_that_cannot_be_imported_is_one_line():
    row = registry.NetworkRow(name="gone", words="", code="no_such_module:build", parameters=(1, 0, 0, 0))
    with pytest.raises(SpecError, match=r"^gone: cannot import no_such_module:build: ModuleNotFoundError: "):
        row.load()


@pytest.mark.parametrize("name", ["Gap", "", "a b", "a" * 33, 7])
def test_a_name_is_a_word(name):
    with pytest.raises(SpecError, match=r"^name: "):
        registry.AttackRow(name=name, words="", short="").check()


def package(folder, entries, **modules):
    """A distribution on the search path, as pip would install it."""
    about = folder / "toys-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(entries)
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(code)


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A table that has not been looked at, and a folder on the search path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    importlib.invalidate_caches()
    _entry_points.cache_clear()
    before = list(LEFT_OUT)
    yield lambda: registry.Registry("attacks", *registry.ATTACKS.values())
    LEFT_OUT[:] = before
    _entry_points.cache_clear()


def test_another_package_adds_rows(fresh, tmp_path):
    package(
        tmp_path,
        "[mia_explore.attacks]\nluck = toy_rows:LUCK\n",
        toy_rows="from engine.registry import AttackRow\n"
        "LUCK = AttackRow(name='luck', words='w', short='l', score='t:l')\n",
    )
    assert list(fresh()) == [*registry.ATTACKS, "luck"]
    assert "torch" not in sys.modules["toy_rows"].__dict__


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero (rows_of_toys.py, line 1)"),
        ("import sys; sys.exit('enough')", "SystemExit: enough (rows_of_toys.py, line 1)"),
        ("ROW = 3", "TypeError: rows_of_toys:ROW is a int, not a AttackRow"),
        ("from engine.registry import ATTACKS; ROW = ATTACKS['gap']", "ValueError: there is a 'gap' already"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines (rows_of_toys.py, line 1)"),
        ("", "AttributeError: module 'rows_of_toys' has no attribute 'ROW'"),
    ],
)
def test_a_row_that_cannot_be_had_is_one_line_that_names_its_package(fresh, tmp_path, code, said):
    package(tmp_path, "[mia_explore.attacks]\ntoy = rows_of_toys:ROW\n", rows_of_toys=code)
    assert list(fresh()) == list(registry.ATTACKS)
    (line,) = LEFT_OUT
    assert line == f"mia_explore.attacks: toy of the package toys 1.0 is left out: {said}"


ROWS_OF_DATA = """
from engine.registry import DatasetRow

COMMON = dict(words="w", code="t:c", network="small-cnn", capacity=1, epsilon=0.1, classes=2, image_size=(8, 8))
GOOD = DatasetRow(name="good", examples=(10, 10), **COMMON)
BAD = DatasetRow(name="bad", examples=800, **COMMON)
"""


def test_a_bad_row_leaves_the_others_of_its_module(fresh, tmp_path):
    entries = "[mia_explore.datasets]\nbad = data_of_toys:BAD\ngood = data_of_toys:GOOD\n"
    package(tmp_path, entries, data_of_toys=ROWS_OF_DATA)
    assert list(registry.Registry("datasets", *registry.DATASETS.values())) == [*registry.DATASETS, "good"]
    (line,) = LEFT_OUT
    assert (
        "bad of the package toys 1.0 is left out: SpecError: examples: 800 is not allowed; allowed: a list of" in line
    )


@pytest.mark.parametrize(
    ("row", "changed"),
    [
        ("digits", {"code": ""}),
        ("digits", {"examples": (600, 0)}),
        ("digits", {"image_size": 8}),
        ("digits", {"image_size": (8, 8, 1)}),
        ("digits", {"classes": 0}),
        ("digits", {"classes": "ten"}),
        ("digits", {"capacity": 0}),
        ("digits", {"epsilon": 8}),
        ("confidence", {"score": ""}),
        ("confidence", {"rules": ("oracles",)}),
        ("confidence", {"settings": ("split",)}),
        ("confidence", {"slow": 1}),
        ("pgd", {"defaults": 3}),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_by_its_name(row, changed):
    found = next(table[row] for table in TABLES if row in table)
    with pytest.raises(SpecError, match=rf"^{next(iter(changed))}: .* is not allowed; allowed: "):
        dataclasses.replace(found, **changed).check()
