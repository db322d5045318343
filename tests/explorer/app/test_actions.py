import itertools

import pytest
from textual.binding import Binding

from explorer.app import actions
from explorer.app.actions import ACTIONS, BY_ID
from explorer.project.choices import Choices

PANES = ("runs", "chart", "classes", "queue", "gpu", "log", "welcome")
EVERYWHERE = ("app", "panes", "copy", "export", "engine", "list")


def keys(action):
    return {key for key in action.keys.split(",") if key}


def test_ids_are_unique():
    assert len(BY_ID) == len(ACTIONS)


@pytest.mark.parametrize("pane", PANES)
def test_a_pane_shares_a_key_with_the_chart_only_for_an_action_of_the_same_name(pane):
    together = actions.of({*EVERYWHERE, "chart", pane})
    for one, other in itertools.combinations(together, 2):
        if {one.scope, other.scope} == {"chart", pane} and one.method == other.method:
            assert keys(one) == keys(other), f"{one.id} and {other.id}"
        else:
            assert not keys(one) & keys(other), f"{one.id} and {other.id}"


def test_no_key_is_one_that_terminals_swallow():
    swallowed = {f"ctrl+{letter}" for letter in "abcdefghijklmnorstuvwxy"} | {"alt"}
    for action in ACTIONS:
        assert not keys(action) & swallowed, action.id
        assert not any(key.startswith("alt+") for key in keys(action)), action.id


def test_every_action_says_what_it_does_and_can_be_reached():
    for action in ACTIONS:
        assert action.does, action.id
        assert action.does[-1] not in ".!", action.id
        assert keys(action) or action.title, action.id


def test_titles_are_of_the_form_group_verb_phrase():
    for action in ACTIONS:
        if action.title:
            group, colon, phrase = action.title.partition(": ")
            assert all((colon, group.islower(), phrase)), action.id


def test_bindings_carry_the_ids_so_that_keys_can_be_remapped():
    for binding in actions.bindings("runs", "list"):
        assert isinstance(binding, Binding)
        assert BY_ID[binding.id].keys == binding.key
        assert binding.action == f"screen.act({binding.id!r})"
    assert not any(binding.id == "panes.reset" for binding in actions.bindings("panes"))


def test_the_first_key_is_shown_as_people_write_it():
    assert [BY_ID[name].key for name in ("app.help", "panes.filter", "chart.left", "panes.back", "panes.reset")] == [
        *("?", "/", "h", "esc", ""),
    ]


async def test_every_action_has_someone_who_carries_it_out(make_app, until):
    app = make_app()
    async with app.run_test(size=(200, 60)) as pilot:
        await until(pilot, lambda: app.choices.current)
        main = app.screen
        missing = [
            action.id
            for action in ACTIONS
            if action.scope in {*EVERYWHERE, *PANES}
            if not callable(getattr(main.target(action), action.method, None))
        ]
        assert missing == []


async def test_a_read_only_app_refuses_to_change_the_engines_work(make_app, until):
    app = make_app(link="engine", read_only=True)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.choices.current)
        app.screen.action_act("engine.cancel")
        await until(pilot, lambda: app._notifications)
        assert [notice.message for notice in app._notifications] == ["read-only: this app changes nothing"]
        assert app.project.told == []
        assert Choices().current != app.choices.current
