import errno

import pytest

from engine.service.executors import not_started


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EMFILE, "Too many files"), "Too many files; raise `ulimit -n` and start the engine again"),
        (OSError(errno.EAGAIN, "Resource temporarily unavailable"), "Resource temporarily unavailable"),
        (RuntimeError("can't start new thread"), "can't start new thread"),
    ],
)
def test_a_run_without_a_process_tells_the_reason_and_the_remedy(error, said):
    assert not_started(error) == f"its process could not be started: {said}"
