import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from explorer.results.lines import bar, fitted, line_text, sized
from explorer.results.table import Column, fit, header, name_at, row

printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
columns = st.lists(
    st.builds(
        Column,
        st.sampled_from(["A", "NAME", "INF ACC", "Δ vs natural"]),
        st.integers(1, 20),
        right=st.booleans(),
        stretch=st.booleans(),
        rank=st.integers(0, 5),
    ),
    min_size=1,
    max_size=8,
)


def whole(found):
    return sum(column.width + 1 for column in found) - 1


@given(columns, st.integers(0, 120))
def test_columns_never_exceed_the_width(given_columns, width):
    kept = fit(given_columns, width)
    assert whole(kept) <= width


@given(columns, st.integers(20, 120))
def test_a_stretching_column_takes_all_that_is_left(given_columns, width):
    kept = fit(given_columns, width)
    if any(column.stretch for column in kept):
        assert whole(kept) == width


@given(columns, st.integers(0, 120))
def test_columns_keep_their_order_and_at_least_their_width(given_columns, width):
    kept = fit(given_columns, width)
    following = iter(given_columns)
    for column in kept:
        kind = (column.name, column.rank, column.right)
        assert any(
            (one.name, one.rank, one.right) == kind and (one.width <= column.width or len(kept) == 1)
            for one in following
        )


def test_columns_of_higher_rank_give_way_first():
    found = fit([Column("A", 5), Column("B", 5, rank=2), Column("C", 5, rank=1)], 12)
    assert [column.name for column in found] == ["A", "C"]


@given(printable, st.integers(0, 30), st.booleans())
@example("漢字かな", 3, False)
@example("漢字かな", 4, True)
@example("e\u0301e\u0301", 1, False)
def test_sized_text_has_exactly_the_width(text, width, right):
    assert cell_len(sized(text, width, right)) == width


@given(printable, st.integers(0, 30))
def test_text_that_fits_is_not_cut(text, width):
    if cell_len(text) <= width:
        assert sized(text, width).startswith(text)
        assert sized(text, width, right=True).endswith(text)


cells_of_rows = st.dictionaries(st.sampled_from(["A", "NAME", "INF ACC"]), st.tuples(printable, st.just("")))


@given(columns, cells_of_rows, st.integers(0, 80))
def test_a_row_is_as_wide_as_its_columns(given_columns, cells, width):
    kept = fit(given_columns, width)
    assert cell_len(line_text(row(cells, kept))) == whole(kept)
    assert cell_len(line_text(header(kept, "NAME"))) == whole(kept)


def test_the_header_says_what_is_sorted_by_and_how():
    found = [Column("", 3), Column("NAME", 8), Column("INF ACC", 7, right=True)]
    assert line_text(header(found)) == "    NAME     INF ACC"
    assert line_text(header(found, "NAME")) == "    NAME▲    INF ACC"
    assert line_text(header(found, "INF ACC", reverse=True)) == "    NAME     INF AC▼"


@given(st.floats(-1, 2) | st.just(float("nan")), st.integers(0, 40))
def test_a_bar_has_exactly_the_width(share, width):
    assert len(bar(share, width)) == width


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 40))
def test_a_larger_share_is_never_a_shorter_bar(one, other, width):
    def length(share):
        found = bar(share, width)
        return 8 * found.count("█") + sum("▏▎▍▌▋▊▉".index(sign) + 1 for sign in found if sign in "▏▎▍▌▋▊▉")

    assert (length(one) - length(other)) * (one - other) >= 0


@given(st.lists(printable, min_size=1, max_size=5).map(" · ".join), st.integers(0, 60))
def test_fitted_words_fit(words, width):
    found = fitted(words, width)
    assert cell_len(found) <= width
    if cell_len(words) <= width:
        assert found == words


@pytest.mark.parametrize(
    ("words", "width", "found"),
    [
        ("1/24 · / filter · space on chart", 32, "1/24 · / filter · space on chart"),
        ("1/24 · / filter · space on chart", 31, "1/24 · / filter"),
        ("step 15: ● 1.946  ■ 1.59  ◆ 1.09", 30, "step 15: ● 1.946  ■ 1.59…"),
        ("Capacity curve", 10, "Capacity…"),
        ("Capacity curve", 9, "Capacity…"),
        ("Capacity", 5, "Capa…"),
        ("Capacity", 1, "…"),
        ("Capacity", 0, ""),
    ],
)
def test_what_does_not_fit_is_cut_between_words(words, width, found):
    assert fitted(words, width) == found


def test_every_cell_of_a_line_belongs_to_a_column():
    columns = [Column("A", 3), Column("B", 5)]
    assert [name_at(columns, x) for x in (0, 3, 4, 9, 10, 99)] == ["A", "A", "B", "B", "", ""]
