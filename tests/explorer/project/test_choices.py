import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.service.project import Project
from explorer.project import choices
from explorer.project.choices import ALLOWED, Choices

words = st.text(max_size=12)
views = st.builds(
    Choices,
    filter=words,
    regex=st.booleans(),
    sort=words,
    reverse=st.booleans(),
    off=st.sets(words, max_size=4),
    marked=st.lists(words, max_size=4),
    current=words,
    metric=words,
    paper=st.booleans(),
    hidden=st.lists(st.sampled_from("13456"), max_size=3),
    last_export=st.dictionaries(words, words, max_size=2),
    **{name: st.sampled_from(values) for name, values in ALLOWED.items()},
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Project.at(tmp_path / "project")


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("view")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        yield Project.at(folder / "project")


@given(views)
def test_a_view_saved_and_loaded_is_the_same(lasting, chosen):
    choices.save(lasting, chosen)
    assert choices.load(lasting) == chosen


@given(st.dictionaries(st.sampled_from(sorted(Choices.__dataclass_fields__)), junk, max_size=6))
@example({"off": [{}], "marked": [1], "rule": "best", "smooth": float("nan"), "side": "9", "saved_filter": "mine"})
def test_whatever_a_state_file_says_the_view_can_be_drawn(saved):
    found, first = choices.restored(saved), Choices()
    for name, allowed in ALLOWED.items():
        assert getattr(found, name) in allowed
    for name in Choices.__dataclass_fields__:
        assert type(getattr(found, name)) is type(getattr(first, name))
    assert all(isinstance(item, str) for items in (found.off, found.marked, found.hidden) for item in items)


@pytest.mark.parametrize("written", ["", "{", "[]", "3", "[" * 100_000, '{"rule": "best"}', "\x00"])
def test_garbage_in_the_state_file_gives_the_first_days_view(project, written):
    path = choices.state_file(project)
    path.parent.mkdir(parents=True)
    path.write_text(written)
    assert choices.load(project) == Choices()


def test_every_project_has_its_own_file(project, tmp_path):
    choices.save(project, Choices(filter="pgd"))
    assert choices.load(Project.at(tmp_path / "other")) == Choices()


def test_a_folder_that_cannot_be_written_loses_the_choices_only(project, tmp_path):
    (tmp_path / "state").write_text("a file")
    choices.save(project, Choices(filter="pgd"))
    assert choices.load(project) == Choices()


def test_what_cannot_be_written_as_json_is_written_as_text(project, tmp_path):
    choices.save(project, Choices(last_export={"path": tmp_path}))
    assert json.loads(choices.state_file(project).read_text())["last_export"] == {"path": str(tmp_path)}


@given(st.text(max_size=30))
def test_no_filter_lets_everything_through(line):
    assert Choices(filter="").matches(line)


@given(st.text("ab c", max_size=8), st.text("abC d", max_size=12))
def test_every_word_of_a_filter_must_be_there(typed, line):
    assert Choices(filter=typed).matches(line) == all(word in line.lower() for word in typed.lower().split())


def test_an_expression_is_searched_without_case():
    chosen = Choices(filter="pgd-c[24]-", regex=True)
    assert chosen.matches("digits-PGD-c2-e0.1")
    assert not chosen.matches("digits-pgd-c1-e0.1")


@given(st.text(max_size=20), st.text(max_size=20))
@example("(", "x(")
@example("[[a", "a")
@example("a{99999999999999999999}", "a")
@example("(" * 5000, "a")
def test_a_half_typed_expression_never_raises(typed, line):
    assert Choices(filter=typed, regex=True).matches(line) in (True, False)
