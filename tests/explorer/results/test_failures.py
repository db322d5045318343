import pytest
from rows import typed

from engine.service.executors.local import describe_exit
from explorer.results.failures import explain


def failed(error, state="failed", dataset="digits"):
    return explain(typed("runs", {"state": state, "error": error, "dataset": dataset}))


def test_a_divergence_names_its_step():
    told = failed("diverged at step 72: the loss is nan", "diverged")
    assert "step 72" in told.what
    assert told.smaller_batch


def test_answers_that_are_not_finite_are_not_helped_by_a_smaller_batch():
    assert not failed("diverged: the trained model's adversarial answers are not finite", "diverged").smaller_batch


def test_memory_is_told_in_numbers():
    error = (
        "out of GPU memory: CUDA out of memory. Tried to allocate 2.10 GiB. GPU 0 has a total capacity of 79.25 GiB "
        "of which 412.50 MiB is free. Including non-PyTorch memory, this process has 78.80 GiB memory in use."
    )
    told = failed(error)
    assert (
        told.what
        == "It asked for 2.10 GiB of GPU memory; 412.50 MiB of 79.25 GiB was free. This run held 78.80 GiB itself."
    )
    assert told.smaller_batch
    assert failed("out of GPU memory: no numbers here").title == told.title


@pytest.mark.parametrize(
    ("error", "title"),
    [
        ("RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried", "Out of memory"),
        ("MemoryError", "Out of memory"),
        (describe_exit(-9, ""), "Killed, probably out of memory"),
        (describe_exit(-9, "last line"), "Killed, probably out of memory"),
        (describe_exit(-11, "Fatal Python error: Segmentation fault"), "Its process was killed"),
        (describe_exit(-190, ""), "Its process was killed"),
        (describe_exit(1, "bye"), "Its process ended"),
        ("its process could not be started: [Errno 11] no more", "Its process could not be started"),
        ("the disk is full; make room and retry the run, which goes on from what it has saved", "Disk full"),
        ("OSError: [Errno 28] No space left on device", "Disk full"),
        ("digits: the files in /d have changed since this experiment was named by them", "Data set changed"),
        ("digits: its file digits.csv.gz is part of scikit-learn", "Data set missing or unreadable"),
        ("folder:/pictures: no folder /pictures", "Data set missing or unreadable"),
        ("network: a:b has changed since this run was planned; submit the sweep again", "Network changed"),
        ("network a:b: ModuleNotFoundError: No module named 'c'", "Your network does not work"),
        ("device: 'cuda' is not on this machine, which has cpu", "It cannot run here"),
        ("the imported file ends before the run does", "Came in by import, unfinished"),
        ("it came in by import; submit its sweep to run it here", "Came in by import, unfinished"),
        ("another process is still at work in /p/runs/x", "Its folder is in use"),
        ("ValueError: surprise", "It failed"),
        (None, "It failed"),
    ],
)
def test_each_kind_has_its_own_words(error, title):
    told = failed(error)
    assert told.title == title
    assert told.what.endswith((".", "!", "?")) or "last words" in told.what or "asked for: " in told.what
    assert told.advice.endswith(".")


def test_the_last_words_of_a_killed_process_are_kept():
    assert "Segmentation fault" in failed(describe_exit(-11, "Fatal Python error: Segmentation fault")).what
