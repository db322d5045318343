from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.results.class_cells import FORMS, marked, texts
from explorer.results.classes_table import PAPERS, Cell, ClassRow

SHARE = st.floats(0, 1)
CELLS = st.builds(Cell, SHARE, st.none() | SHARE, st.none() | SHARE, st.none() | st.booleans())
ROWS = st.lists(st.dictionaries(st.sampled_from(PAPERS), CELLS, min_size=1), min_size=1).map(
    lambda found: [ClassRow(label, 9, 9, cells) for label, cells in enumerate(found)]
)


def test_a_cell_says_as_much_as_its_form_does():
    cells = {PAPERS[0]: Cell(0.625, 0.109, 0.709, leaks=False), PAPERS[1]: Cell(0.51)}
    row = ClassRow(0, 9, 9, cells)
    said = [texts([row], PAPERS[:1], form)[0][PAPERS[0]] for form in FORMS]
    assert said == ["▸62.5 ±10.9≈ (70.9)", "▸62.5 ±10.9≈", "▸62.5≈"]
    assert texts([row], PAPERS[:3], FORMS[2])[0] == {PAPERS[0]: "▸62.5≈", PAPERS[1]: " 51.0 ", PAPERS[2]: "    — "}


@settings(max_examples=40)
@given(ROWS, st.sampled_from(FORMS))
def test_cells_of_one_table_are_of_one_width_and_one_in_each_row_is_the_best(rows, form):
    written = texts(rows, PAPERS, form)
    assert len({len(words) for row in written for words in row.values()}) == 1
    assert all("".join(row.values()).count("▸") == 1 for row in written)
    assert any("≈" in words for row in written for words in row.values()) == marked(rows)
