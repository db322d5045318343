import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from explorer.results import ascii_text


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20))
def test_ascii_is_ascii_cell_for_cell(text):
    ascii = ascii_text.to_ascii(text)
    assert ascii.isascii()
    assert cell_len(ascii) == cell_len(text)


def test_what_is_not_told_apart_from_a_guess_has_a_sign_in_ascii_too():
    assert ascii_text.to_ascii("53.0≈") == "53.0="


def test_signs_of_tables_differ_in_ascii():
    assert ascii_text.to_ascii("≈±\N{REPLACEMENT CHARACTER}·×…") == "=+?.x~"


def test_hollow_and_filled_marks_differ_in_ascii():
    filled, hollow = ascii_text.to_ascii("●■◆▲▼★▰◣"), ascii_text.to_ascii("○□◇△▽☆▱◺")
    assert len({*filled, *hollow}) == 16
    assert filled.lower() == hollow


@pytest.mark.parametrize(
    ("locale", "unicode"),
    [
        ({}, True),
        ({"LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "de_DE.utf8"}, True),
        ({"LANG": "C.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "en_US.ISO-8859-1"}, False),
        ({"LC_ALL": "POSIX"}, False),
        ({"LC_ALL": "en_GB.UTF-8", "LANG": "C"}, True),
    ],
)
def test_the_locale_says_whether_the_terminal_reads_utf_8(monkeypatch, locale, unicode):
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    assert ascii_text.speaks_unicode() is unicode


class Terminal(io.BytesIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("locale", "under", "encoding", "written"),
    [
        ("C", Terminal, "utf-8", b"53.0= --- #\n"),
        ("C.UTF-8", Terminal, "utf-8", "53.0≈ ─── █\n".encode()),
        ("C.UTF-8", Terminal, "latin-1", b"53.0= --- #\n"),
        ("C", io.BytesIO, "utf-8", "53.0≈ ─── █\n".encode()),
    ],
    ids=["no UTF-8", "UTF-8", "an encoding without them", "into a file"],
)
def test_marks_become_ascii_where_a_terminal_cannot_show_them(monkeypatch, locale, under, encoding, written):
    monkeypatch.setenv("LC_ALL", locale)
    stream = io.TextIOWrapper(under(), encoding=encoding)
    ascii_text.speak_plainly(stream)
    stream.write("53.0≈ ─── █\n")
    stream.flush()
    assert stream.buffer.getvalue() == written
