import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import call
from waiting import patience

from engine.registry import attacks_on
from engine.service import protocol
from engine.service.client import EngineUnreachable, SyncClient
from engine.service.project import Project
from explorer.results.marks import FLOOR
from store.queries import TABLES
from store.rows import LeakageFact

MIA = Path(sys.executable).with_name("mia-explore")
TINY = 'dataset = "digits"\n[data]\ntrain_fraction = 0.2\ntest_fraction = 0.1\n[recipe]\nsteps = 30\nattack_steps = 2\n'
GRID = "[grid]\ncapacity = [0.5, 1]\nepsilon = [0.1]\n[evaluation]\nsteps = 3\n"
FEW_NETWORKS = "[inference]\nnetwork_splits = 1\nrestarts = 1\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A function making a folder whose project's engine is stopped in the end."""
    made = []

    def make(name):
        made.append(tmp_path_factory.mktemp(name))
        return made[-1]

    yield make
    for folder in made:
        try:
            with SyncClient(Project.at(folder / "mia-results")) as client:
                client.call(protocol.Subscribe())
                client.call(protocol.Stop(grace=0.0))
                list(client.pushes())
        except EngineUnreachable:
            continue


@pytest.fixture(scope="module")
def folder(place):
    """A folder with a sweep file."""
    folder = place("person")
    (folder / "tiny.toml").write_text(TINY + GRID + FEW_NETWORKS)
    return folder


@pytest.fixture(scope="module")
def another(place):
    """The folder of somebody with one engine for all that the tests below ask for."""
    return place("another")


@pytest.fixture(scope="module")
def swept(folder):
    """The folder after one sweep, with what the command, a process of its own, printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MIA_")}
    command = [MIA, "run", "tiny.toml"]
    answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return folder, answer


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_run_ends_with_three_tables_and_the_csv_files(swept):
    folder, answer = swept
    for title in ("Leakage over capacity", "Leakage over epsilon", "Leakage per class"):
        assert title in answer.stdout
    assert re.search(r"\nThe finding: (none of 2 told apart; )?pgd 0\.1 ", answer.stdout)
    assert "4/4 runs ended" in answer.stderr
    written = folder / "mia-results" / "csv" / "tiny"
    assert f"CSV files: {written}" in answer.stdout
    assert {path.name for path in written.iterdir()} >= {"capacity.csv", "epsilon.csv", "classes.csv", "leakage.csv"}


def test_the_same_sweep_is_not_computed_again(swept):
    folder, first = swept
    again = call(folder, "run", "tiny.toml")
    assert "4 runs, 0 of them new" in again.stderr
    assert again.stdout == first.stdout


def test_leakage_csv_has_the_promised_columns_and_words(swept):
    folder, _ = swept
    found = rows(call(folder, "export", "leakage", "--csv", "-").stdout)
    assert list(found[0]) == list(LeakageFact._fields)
    assert {row["attack"] for row in found} == set(attacks_on())
    assert {row["view"] for row in found} == {"benign", "adversarial"}
    assert {row["threshold_rule"] for row in found} == {"oracle", "heldout", "none"}
    assert {row["metric"] for row in found} > {"inference_accuracy", "advantage", "threshold", "tpr", "fpr", "auc"}
    assert {row["leaks"] for row in found} == {"true", "false", ""}
    assert len({tuple(row[key] for key in LeakageFact._fields[:12]) for row in found}) == len(found)


def test_every_table_is_the_same_with_and_without_an_engine_and_in_every_format(swept, tmp_path):
    folder, _ = swept
    with_engine = {table: call(folder, "export", table).stdout for table in TABLES}
    call(folder, "engine", "stop")
    for table, text in with_engine.items():
        target = tmp_path / f"{table}.json"
        call(folder, "export", table, "--json", str(target), "--csv", str(tmp_path / f"{table}.csv"))
        assert (tmp_path / f"{table}.csv").read_text() == text
        assert len(json.loads(target.read_text())) == len(rows(text))
        # Sound runs have no warnings, and these are of no population.
        assert bool(rows(text)) is (table not in ("warnings", "image_risks", "class_risks"))
    assert call(folder, "ls").stdout.count("done") == 4
    assert FLOOR in call(folder, "ls").stderr
    assert [FLOOR in call(folder, "export", table).stderr for table in ("leakage", "published")] == [True, False]
    call(folder, "engine", "start")


def test_audit_of_a_runs_file_gives_the_runs_leakage(swept):
    folder, _ = swept
    run = rows(call(folder, "export", "runs").stdout)[0]["run_id"]
    without_networks = [attack for attack in attacks_on() if attack != "model-class"]  # of which the run has few
    chosen = [word for attack in without_networks for word in ("--attack", attack)]
    audited = rows(call(folder, "audit", f"mia-results/runs/{run}/predictions.npz", *chosen, "--csv", "-").stdout)
    kept = [
        row for row in rows(call(folder, "export", "leakage", "--run", run).stdout) if row["attack"] in without_networks
    ]
    key = LeakageFact._fields[7:]
    assert {tuple(row[name] for name in key) for row in audited} == {tuple(row[name] for name in key) for row in kept}


def test_audit_of_the_papers_file_gives_its_expected_accuracies(shared, tmp_path):
    """Of one of the three: `test_golden` has the attacks' numbers of all."""
    golden, name = shared / "data" / "golden", "yale-pgd"
    answer = call(tmp_path, "audit", str(golden / f"{name}.npz"), "--attack", "confidence", "--csv", "-")
    ours = {
        row["view"]: float(row["value"])
        for row in rows(answer.stdout)
        if (row["attack"], row["threshold_rule"], row["metric"]) == ("confidence", "oracle", "inference_accuracy")
    }
    expected = {
        row["metric"]: float(row["value"]) for row in rows((golden / "expected.csv").read_text()) if name in row["file"]
    }
    assert ours["benign"] == pytest.approx(expected["I_B/inference_acc_oracle"], abs=1e-12)
    assert ours["adversarial"] == pytest.approx(expected["I_A/inference_acc_oracle"], abs=1e-12)


def test_show_finds_a_run_by_part_of_its_name(swept):
    folder, _ = swept
    shown = call(folder, "show", "natural-c0.5").stdout
    assert "held-out" in shown
    assert '"defense": "natural"' in shown
    assert "runs match" in call(folder, "show", "digits", check=2).stderr


def test_scores_lists_the_most_exposed_training_images(swept):
    folder, _ = swept
    whole = rows(call(folder, "export", "exposed", "--run", "natural-c0.5").stdout)
    shown = call(folder, "scores", "natural-c0.5", "--top", "3").stdout
    lines = [line.split() for line in shown.splitlines()]
    head = lines.index(["rank", "image", "class", "risk", "benign", "risk", "B", "adversarial", "risk", "A"])
    assert [line[1] for line in lines[head + 2 : head + 5]] == [row["example"] for row in whole[:3]]
    assert "at 50 % the answer tells nothing" in " ".join(shown.split())
    assert "pictures of the first of them" in shown
    assert len(whole) == len({row["example"] for row in whole})
    assert {row["targeted_risk"] for row in whole} == {""}


def test_scores_of_one_view_are_ranked_by_its_risk(swept):
    folder, _ = swept
    whole = rows(call(folder, "export", "exposed", "--run", "natural-c0.5").stdout)
    highest = max(float(row["adversarial_risk"]) for row in whole)
    first = call(folder, "scores", "natural-c0.5", "--top", "1", "--view", "adversarial").stdout.splitlines()[4]
    assert first.split()[-1] == f"{100 * highest:.1f}"
    assert "has no certified view" in call(folder, "scores", "natural-c0.5", "--view", "certified", check=2).stderr


def test_runs_of_a_bare_node_come_home_complete_and_once(swept, tmp_path):
    folder, _ = swept
    (tmp_path / "tiny.toml").write_text((folder / "tiny.toml").read_text())
    half = ["--set", "grid.capacity=0.5"]
    command = [sys.executable, "-m", "engine", "tiny.toml", *half, "--events", "out.jsonl", "--threads", "1"]
    source = {"PYTHONPATH": str(Path(__file__).parents[3])}
    subprocess.run(command, cwd=tmp_path, env=os.environ | source, check=True, capture_output=True)
    whole = (tmp_path / "out.jsonl").read_text()
    begun = json.loads(whole.splitlines()[0])
    stranger = json.dumps(begun | {"run_id": "../../evil"})
    orphan = json.dumps(
        {"kind": "accuracies", "run_id": "ghost", "view": "benign", "split": "test", "accuracy": 7, "n": 1}
    )
    (tmp_path / "torn.jsonl").write_text(f'{whole}{stranger}\n{orphan}\n{{"kind": "hist')
    told = call(tmp_path, "import", "torn.jsonl").stderr
    assert f"{len(whole.splitlines())} events taken in" in told
    assert "3 lines left out" in told
    first = call(tmp_path, "export", "leakage").stdout
    call(tmp_path, "import", "out.jsonl")
    assert call(tmp_path, "export", "leakage").stdout == first
    call(tmp_path, "engine", "stop")
    at_home = [row for row in rows(call(folder, "export", "leakage").stdout) if float(row["capacity"]) == 0.5]
    assert sorted(map(str, rows(first))) == sorted(map(str, at_home))


def test_a_run_is_certified_beside_itself_with_its_weights(swept):
    folder, _ = swept
    answer = call(folder, "certify", "pgd-c0.5", "--method", "ibp")
    runs = {row["run_id"]: row for row in rows(call(folder, "export", "runs").stdout) if "-pgd-c0.5-" in row["run_id"]}
    old, new = runs
    assert [runs[name]["certification"] for name in (old, new)] == ["", "ibp"]
    assert f"{new}: {old} certified by ibp" in answer.stderr
    assert "gone" not in answer.stderr
    assert runs[old]["benign_test_accuracy"] == runs[new]["benign_test_accuracy"]
    assert float(runs[new]["certified_test_accuracy"]) <= float(runs[new]["adversarial_test_accuracy"])
    assert [line.split()[:2] for line in answer.stdout.splitlines() if line.startswith("pgd")] == [
        *(["pgd", "-"], ["pgd", "ibp"])
    ]
    again = call(folder, "certify", new, "--method", "ibp")
    assert "known already" in again.stderr
    assert "runs match" in call(folder, "certify", "pgd-c0.5", check=2).stderr
    found = {row["certification"] for row in rows(call(folder, "export", "views").stdout)}
    assert found == {"", "ibp"}
    assert "certified by" in call(folder, "show", "views").stdout


def test_other_settings_of_an_attack_are_computed_from_the_kept_answers_alone(swept):
    folder, _ = swept

    def leakage():
        found = rows(call(folder, "export", "leakage", "--csv", "-").stdout)
        return [row for row in found if row["run_id"] == run], [row for row in found if row["run_id"] != run]

    run = rows(call(folder, "export", "runs", "--csv", "-").stdout)[0]["run_id"]
    before, others = leakage()
    answer = call(folder, "attack", run, "--attacks", "margin", "--set", "splits=3")
    assert answer.returncode == 0
    assert "margin" in answer.stdout
    after, others_after = leakage()
    assert others_after == others
    assert [row for row in after if row["attack"] != "margin"] == [row for row in before if row["attack"] != "margin"]
    assert [row for row in after if row["attack"] == "margin"] != [row for row in before if row["attack"] == "margin"]
    again = call(folder, "attack", run, "--attacks", "margin", "--set", "splits=3")
    assert "margin, nothing queued" in again.stderr
    assert again.stdout == answer.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "dmo"], "did you mean 'demo'"),
        (["run", "absent.toml"], "No such file"),
        (["run", "demo", "--set", "capacity=-1"], "capacity: -1.0 is not allowed; allowed: above 0"),
        (["run", "demo", "--set", "epsilon=8"], "grid.epsilon: 8 is not allowed"),
        (["run", "yale", "--data-root", "nowhere"], "CroppedYale"),
        (["run", "fashion-mnist"], "--download"),
        (["run", "demo", "--device", "tpu"], "device: 'tpu' is not allowed"),
        (
            ["run", "demo", "--priority", "9" * 20],
            "priority: 99999999999999999999 is not allowed; allowed: -2147",
        ),
        (["run", "demo", "--threads", "99999"], "threads: 99999 is not allowed; allowed: 1 to 1024"),
        (["run", "demo", "--scale", "huge"], "'huge' is not one of"),
        (["export", "nothing"], "'nothing' is not allowed; allowed: runs, capacity"),
        (["certify", "x"], "holds no results yet"),
        (["certify", "x", "--method", "magic"], "'magic' is not one of"),
        (["scores", "x", "--project", "empty"], "holds no results yet"),
        (["audit", "nan.npz", "--attack", "magic"], "'magic' is not one of"),
        (["ls", "--project", "empty"], "holds no results yet"),
        (["audit", "nan.npz"], "output_train_benign row 1 is not finite"),
        (["run", "bad.toml"], "quick: 3 is not allowed; allowed: a table"),
        (["run", "latin.toml"], "not a TOML file"),
        (["run", "demo", "--set", "seed=99999999999999999999"], "at most 63 bits"),
        (["run", "demo", "--set", "data.name=yale"], "data.name"),
        (["run", "demo", "--set", "name=.."], "name: '..' is not allowed"),
        (["ls", "--project", "bad.toml"], "is not a folder"),
        (["ls", "--project", ""], "has an empty name"),
        (["frobnicate"], "no such command"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, arguments, said):
    (tmp_path / "bad.toml").write_text('dataset = "digits"\nquick = 3\n')
    (tmp_path / "latin.toml").write_bytes(b'dataset = "\xe9"')
    values = np.full((3, 2), 0.5, np.float32)
    damaged = values.copy()
    damaged[1] = np.nan
    labels = np.array([0, 1, 0])
    np.savez(
        tmp_path / "nan.npz",
        output_train_benign=damaged,
        output_test_benign=values,
        train_label=labels,
        test_label=labels,
    )
    answer = call(tmp_path, *arguments, check=2)
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""
    assert not (tmp_path / "mia-results").exists()


@pytest.mark.parametrize("arguments", [["engine", "status"], ["engine", "stop"], ["cancel", "x"]])
def test_without_an_engine_the_exit_code_is_3(tmp_path, arguments):
    assert "no engine runs here" in call(tmp_path, *arguments, check=3).stderr


def test_a_project_that_cannot_be_written_is_said_with_exit_code_3(tmp_path):
    answer = call(tmp_path, "run", "demo", "--project", "/proc/mia-explore", check=3)
    assert answer.stderr.count("\n") == 1
    assert "/proc/mia-explore" in answer.stderr


def test_a_failing_run_makes_exit_code_1_and_says_why(another):
    (another / "failing.py").write_text("def network(**_):\n    raise RuntimeError('no such layer')\n")
    (another / "failing.toml").write_text('network = "failing:network"\n' + TINY)
    answer = call(another, "run", "failing.toml", "--set", "defense=natural", check=1)
    assert "no such layer" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_network_of_ones_own_is_trained(another):
    (another / "mine.py").write_text(
        "from torch import nn\n"
        "def network(in_channels, image_size, num_classes, capacity):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size[0] * image_size[1], num_classes))\n"
    )
    (another / "mine.toml").write_text('network = "mine:network"\n' + TINY + '[inference]\nattacks = ["gap"]\n')
    call(another, "run", "mine.toml", "--set", "defense=natural")


def test_interrupting_the_command_leaves_the_engine_at_work(another):
    grid = '[grid]\ndefense = "natural"\ncapacity = 3\n'
    (another / "long.toml").write_text('dataset = "digits"\n[recipe]\nsteps = 100000\n' + grid)
    process = subprocess.Popen([MIA, "run", "long.toml"], cwd=another, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "step" in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=patience(30))
    assert process.returncode == 130
    assert "The engine goes on by itself" in said
    assert "running" in call(another, "engine", "status").stdout
    call(another, "cancel", "natural-c3")
    assert "cancelled" in call(another, "ls").stdout


@pytest.mark.parametrize(
    ("names", "cut", "runs"),
    [
        (["temperature"], ["grid.evaluation.temperature=[1, 5]"], 4),
        pytest.param(["temperature", "mixed"], [], 14, marks=pytest.mark.slow),  # two are in both
    ],
)
def test_presets_are_reproduced_together_and_told_of_without_running(another, names, cut, runs):
    small = ["recipe.steps=20", "evaluation.steps=2", "capacity=0.5", 'inference.attacks=["confidence"]', *cut]
    asked = ["reproduce", *names, *(word for one in small for word in ("--set", one))]
    answer = call(another, *asked)
    call(another, "engine", "stop")
    assert f"{', '.join(names)} (quick): {runs} runs, " in answer.stderr
    assert f"{runs}/{runs} runs ended" in answer.stderr
    again = call(another, "reproduce", "--all", "--no-run", "--page", "PAGE.md")
    assert "temperature: " in again.stdout
    assert "table8: not run" in again.stdout
    page = (another / "PAGE.md").read_text()
    written = another / "mia-results" / "reproduction"
    for name in names:
        assert f"## {name}" in page
        assert (written / f"{name}.csv").stat().st_size > 1000
    call(another, "figure", names[-1], "-o", "drawn.svg")
    assert (another / "drawn.svg").read_bytes().startswith(b"<?xml")


def test_presets_and_places_are_listed(tmp_path):
    columns, _, first, *_ = call(tmp_path, "presets").stdout.splitlines()
    assert columns.split()[:5] == ["preset", "dataset", "runs", "time", "disk"]
    assert first.split()[:3] == ["demo", "digits", "24"]
    assert first.split()[3] == "unknown"  # nothing has finished here
    assert str(tmp_path / "mia-results") in call(tmp_path, "locate").stdout
    checked = call(tmp_path, "check").stdout
    assert "✔ torch" in checked
    assert "✗ yale" in checked
