"""The rules of the house that a machine can check: who imports what, and the style of the code."""

import ast
import gc
import subprocess
import sys
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


def check(*command):
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_imports_keep_to_the_contracts():
    check(BIN / "lint-imports", "--no-cache")


def test_style():
    check(BIN / "ruff", "check", "--no-cache", ".")


def test_format():
    check(BIN / "ruff", "format", "--check", "--no-cache", ".")


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("explorer.cli.main", "torch duckdb sklearn numpy"),
        ("explorer.app.app", "torch duckdb sklearn numpy plotext"),
        ("explorer.project.reader_process", "torch duckdb sklearn numpy"),
        ("engine.service.client", "torch duckdb"),
        ("engine.service.reader", "torch textual"),
        ("engine.service.engine", "torch textual"),
        ("engine.spec.sweeps", "torch duckdb numpy sklearn"),
        ("engine.inference", "duckdb textual"),
        ("engine.job, engine.__main__", "duckdb textual msgspec torchvision sklearn scipy"),
        ("store.store", "torch textual"),
        ("store.queries", "duckdb torch"),
    ],
)
def test_what_a_process_really_loads(module, forbidden):
    code = f"import sys, {module}; print(*sorted(set({forbidden.split()}) & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []


def test_no_module_of_the_explorer_loads_torch_or_duckdb():
    code = """
import importlib, pkgutil, sys
import explorer
for module in pkgutil.walk_packages(explorer.__path__, "explorer."):
    importlib.import_module(module.name)
print(*sorted({"torch", "torchvision", "auto_LiRPA", "sklearn", "duckdb", "numpy"} & set(sys.modules)))
"""
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []


def modules():
    """Name -> file of every module."""
    found = {}
    for package in ("explorer", "engine", "store"):
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def parsed(path):
    """The file's syntax tree; a collection of garbage meanwhile makes CPython 3.11 lose count of its depth."""
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        gc.enable()


def imported(path, known):
    """The modules that a file names anywhere, in functions and for types alone as well."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from names & known.keys() or {node.module} & known.keys()


def test_no_imports_go_round_in_a_circle():
    known = modules()
    graph = {name: {other for other in imported(path, known) if other != name} for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_no_class_name_stands_for_two_ideas():
    where = defaultdict(list)
    for name, path in modules().items():
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef):
                where[node.name].append(name)
    assert not {name: places for name, places in where.items() if len(places) > 1}


def test_files_stay_short():
    long = {
        str(path.relative_to(ROOT)): lines
        for package, most in (("engine", 350), ("explorer", 350), ("store", 350), ("tests", 400))
        for path in (ROOT / package).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > most
    }
    assert not long
