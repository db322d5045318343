from explorer.results.lines import line_text
from explorer.results.rendering import markdown, plain, screen, stacked
from explorer.results.table import Block, Cell, Column, Table, of, of_rows


def test_numbers_stand_to_the_right_and_words_to_the_left():
    lines = plain(of_rows(["name", "n", "share"], [["a", 1, "5.0"], ["long", 200, None]])).splitlines()
    assert lines == ["name    n  share", "────  ───  ─────", "a       1    5.0", "long  200      -"]
    assert plain(of({"eps": ["8/255", "0.1", None]})).splitlines()[2:] == ["8/255", "  0.1", "    -"]


def numbers(**of_second):
    """Two rows of a name and two numbers with a spread and a mark."""
    first = [Cell("a"), Cell("5.0", (" ±1.0", "≈")), Cell("10.0", ("", ""))]
    second = [Cell("b"), Cell("15.0", (" ±0.5", "")), None]
    columns = [Column("NAME", long="name"), Column("X", right=True, behind=(2, 0)), Column("Y", right=True, rank=1)]
    return Table(columns, [Block([first, second], **of_second)])


def test_parts_stand_below_each_other_and_give_way_by_rank_before_columns_of_lower_rank():
    def said(width):
        head, lines = screen(numbers(), width)
        return [line_text(line) for line in (*head, *lines)]

    assert said(30) == ["NAME          X    Y", "a     5.0 ±1.0≈ 10.0", "b    15.0 ±0.5     —"]
    assert said(19) == ["NAME     X    Y", "a     5.0≈ 10.0", "b    15.0     —"]
    assert said(14) == ["NAME     X", "a     5.0≈", "b    15.0 "]


def test_plain_text_has_long_headings_a_column_of_titles_and_only_columns_that_fit():
    table = Table(numbers().columns, numbers(title="one").blocks, titles="of", legend=("words " * 30,))
    lines = plain(table).splitlines()
    assert [line.split() for line in lines[:4]] == [
        *(["of", "name", "X", "Y"], ["───", "────", "──────────", "────"]),
        *(["one", "a", "5.0", "±1.0≈", "10.0"], ["one", "b", "15.0", "±0.5", "-"]),
    ]
    assert max(map(len, lines[4:])) <= 100
    assert "Y" not in plain(table, 18)


def test_a_block_without_a_heading_of_titles_is_a_table_under_its_own():
    assert plain(numbers(title="one", note="two")).startswith("one   (two)\n\nname")


def test_markdown_has_what_is_there():
    assert markdown(of_rows(["a", "b", "empty"], [["x", 1, None], ["y", None, None]])).splitlines() == [
        *("| a | b |", "| --- | --- |", "| x | 1 |", "| y |  |")
    ]


def test_a_table_too_wide_is_several_with_its_first_and_last_column():
    wide = of({name: ["123456"] for name in ("A", "B", "C", "D", "E")})
    assert [table.names for table in stacked(wide, 28)] == [["A", "B", "C", "E"], ["A", "D", "E"]]


def test_a_table_of_which_nothing_is_known_is_no_text():
    assert plain(Table([Column("NAME"), Column("X")], [Block([], "title")])) == ""
