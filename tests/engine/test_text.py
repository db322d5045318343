import errno

import pytest

from engine import text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOENT, "No such file or directory", "/no/x.pdf"), "/no/x.pdf: No such file or directory"),
        (OSError(errno.EACCES, "Permission denied", b"a\nb"), "a�b: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError("no words of the system"), "no words of the system"),
    ],
)
def test_an_error_of_the_system_is_told_without_its_number(error, said):
    assert text.said_of_file(error) == said
