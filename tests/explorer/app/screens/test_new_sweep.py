import gc

import pytest
from textual import events
from textual.widgets import Input, Static
from waiting import until

from engine.service.protocol import Runs
from engine.spec.sweeps import read
from explorer.app.screens.confirm import Confirm
from explorer.app.screens.new_sweep import NewSweep
from explorer.app.screens.save_sweep import OpenSweep, SaveSweep
from explorer.app.screens.sweep_form import FIELDS
from explorer.app.widgets.field import Choice
from explorer.project.planning import Draft, plan


def said(screen, part):
    return str(screen.query_one(f"#{part}", Static).visual)


@pytest.fixture
def form(make_app, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return make_app(rows=[], link="engine", answers={"Submit": Runs(run_ids=["a", "b"])})


async def opened(app, pilot):
    await pilot.press("n")
    await until(pilot, lambda: isinstance(app.screen, NewSweep) and app.screen.cost is not None)
    return app.screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_whole_form_is_on_the_screen(form, size):
    async with form.run_test(size=size) as pilot:
        screen = await opened(form, pilot)
        box = screen.query_one("#new-sweep").region
        assert screen.region.contains_region(box)
        for name in FIELDS:
            assert box.contains_region(screen.query_one(f"#{name}", Input).region)


async def test_runs_time_and_disk_are_said_before_anything_starts(form):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        assert "24 runs · time unknown until the first has run" in said(screen, "summary")
        assert "of disk" in said(screen, "summary")
        assert not form.project.told


async def test_a_preset_fills_the_fields_and_an_own_value_changes_the_plan(form):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        assert screen.form.draft == Draft.from_preset("demo", "quick", "data")
        screen.query_one("#capacity", Input).value = "1"
        await until(pilot, lambda: screen.cost is not None and screen.cost.runs == 8)


async def test_only_the_last_of_changes_made_at_once_is_planned_and_no_plan_is_left_unmade(form, recwarn):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        for _ in range(3):
            screen._changed()
        gc.collect()
        await until(pilot, lambda: screen.cost is not None)
    assert not [each for each in recwarn if "never awaited" in str(each.message)]


async def test_a_wrong_value_is_said_at_its_field_and_nothing_starts(form):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        field = screen.query_one("#epsilon", Input)
        field.focus()
        field.value = "8"
        await until(pilot, lambda: "epsilon" in said(screen, "hint"))
        await pilot.press("enter", "enter")
        assert not form.project.told
        assert screen.is_current


async def test_the_first_enter_asks_and_the_second_starts(form):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        await pilot.press("enter")
        assert "Enter again starts 24 runs" in said(screen, "summary")
        assert not form.project.told
        await pilot.press("enter")
        await until(pilot, lambda: not screen.is_current)
        (command,) = form.project.told
        assert len(command.runs) == 24
        assert command.sweep == "demo"


async def test_a_change_after_the_first_enter_asks_again(form):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        await pilot.press("enter")
        screen.query_one("#seed", Input).value = "0"
        await until(pilot, lambda: screen.cost is not None and screen.cost.runs == 12)
        await pilot.press("enter")
        assert not form.project.told
        assert "Enter again starts 12 runs" in said(screen, "summary")


async def test_esc_leaves_without_a_trace(form, tmp_path):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not screen.is_current)
        assert not form.project.told
        assert not list(tmp_path.glob("*.toml"))


async def test_the_saved_file_goes_where_it_is_wanted_and_gives_the_same_runs(form, tmp_path):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(form.screen, SaveSweep))
        line = form.screen.query_one(Input)
        assert line.value == str(tmp_path / "demo.toml")
        line.value = str(tmp_path / "mine")
        await pilot.press("enter")
        await until(pilot, lambda: screen.is_current)
        (notice,) = form._notifications
        assert notice.message == f"saved: mia-explore run {tmp_path / 'mine.toml'} --scale quick"
        from engine.spec import sweeps

        saved = sweeps.plan(read(str(tmp_path / "mine.toml")), "quick", [], ".")
        assert [run.run_id for run in saved.experiments] == [run.run_id for run in plan(screen.form.draft).experiments]


async def test_no_file_is_overwritten_and_what_was_typed_stays(form, tmp_path):
    (tmp_path / "demo.toml").write_text("mine")
    async with form.run_test(size=(80, 24)) as pilot:
        await opened(form, pilot)
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(form.screen, SaveSweep))
        line = form.screen.query_one(Input)
        assert line.value == str(tmp_path / "demo-2.toml")
        for path in ("demo.toml", "none/demo.toml", ""):
            line.value = path
            await pilot.press("enter")
            await until(pilot, lambda: said(form.screen, "trouble").startswith("Not saved: "))
            assert line.value == path
            line.value = "other"
            await until(pilot, lambda: not said(form.screen, "trouble"))
    assert (tmp_path / "demo.toml").read_text() == "mine"
    assert [path.name for path in tmp_path.glob("*.toml")] == ["demo.toml"]


async def test_esc_asks_where_something_typed_would_be_lost(form, screen_text):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        screen.query_one("#seed", Input).value = "0-4"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(form.screen, Confirm))
        assert any("What was typed is lost: seeds." in line for line in screen_text(form))
        await pilot.press("escape")
        await until(pilot, lambda: screen.is_current)
        assert screen.query_one("#seed", Input).value == "0-4"
        await pilot.press("escape", "y")
        await until(pilot, lambda: form.screen is form.screen_stack[0])


async def test_another_scale_keeps_what_was_typed_and_another_preset_does_not(form):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        preset = screen.query_one("#preset", Choice)
        preset.value = "fashion-mnist"
        await until(pilot, lambda: screen.form.typed["train_fraction"] == "0.02")
        screen.query_one("#epsilon", Input).value = "0.07"
        screen.query_one("#scale", Choice).value = "paper"
        await until(pilot, lambda: not screen.form.typed["train_fraction"])
        assert screen.form.typed["epsilon"] == "0.07"
        preset.value = "table8"
        await until(pilot, lambda: isinstance(form.screen, Confirm))
        await pilot.press("enter")
        await until(pilot, lambda: screen.is_current)
        assert preset.value == "fashion-mnist"
        assert screen.form.typed["epsilon"] == "0.07"
        preset.value = "table8"
        await until(pilot, lambda: isinstance(form.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: screen.form.typed["dataset"] == "yale")
        assert screen.form.typed["epsilon"] == "8/255"


async def test_keys_that_come_at_once_reach_the_field_they_are_meant_for(form):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        screen.set_focus(screen.query_one("#name"))
        for key in ("x", "z", "backspace", "y", "down", "y", "a", "l", "e", "tab", "m", "up", "z"):
            form.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: screen.form.typed["network"] == "m" and screen.form.typed["dataset"] == "z")
        assert screen.form.typed["name"] == "xy"


async def text_view(app, pilot, screen):
    await pilot.press("f3")
    await until(pilot, lambda: screen.form.as_text and screen.cost is not None)
    return screen.form.editor


def type_at_the_end(pilot, text):
    """Type without waiting, as a fast hand or a paste does."""
    editor = pilot.app.screen.form.editor
    editor.move_cursor(editor.document.end)
    for letter in text:
        keys = {"\n": "enter", "\t": "tab"}
        pilot.app.post_message(events.Key(keys.get(letter, letter), letter if letter.isprintable() else None))


async def test_keys_that_come_at_once_are_obeyed_in_their_order(form):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        editor = await text_view(form, pilot, screen)
        for key in ("down", "down", "end", "backspace", "X", "home", "Y", "down", "Z"):
            form.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: editor.text.split("\n")[2:4] == ['Ydataset = "digitsX', "Z"])


async def test_fields_and_text_are_two_views_of_one_draft(form):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        screen.query_one("#seed", Input).value = "3"
        editor = await text_view(form, pilot, screen)
        assert "seed = [3]" in editor.text
        assert screen.cost.runs == 12
        editor.load_text(editor.text.replace("[3]", "[3, 4, 5]"))
        await pilot.press("f3")
        await until(pilot, lambda: not screen.form.as_text)
        assert screen.form.typed["seed"] == "3, 4, 5"
        assert screen.form.draft.table()["inference"]["attacks"][0] == "confidence"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(form.screen, Confirm))


async def test_the_plan_follows_the_text_and_a_mistake_has_its_line(form):
    async with form.run_test(size=(120, 40)) as pilot:
        screen = await opened(form, pilot)
        editor = await text_view(form, pilot, screen)
        type_at_the_end(pilot, "[evaluation]\nepsilon = 8\n")
        await until(pilot, lambda: "line 14: evaluation.epsilon: 8.0 is not allowed" in said(screen, "summary"))
        editor.move_cursor((0, 0))
        await pilot.press("f8")
        assert editor.cursor_location[0] == 13
        await pilot.press("f5", "f5")
        assert not form.project.told
        editor.load_text("name = 'a'\ndataset = 'digits'\n")
        await until(pilot, lambda: screen.cost is not None and screen.cost.runs == 2)
        await pilot.press("f5", "f5")
        await until(pilot, lambda: not screen.is_current)
        assert len(form.project.told[0].runs) == 2


async def test_tab_completes_keys_and_values_and_esc_closes_the_list_first(form):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        editor = await text_view(form, pilot, screen)
        type_at_the_end(pilot, "[recipe]\noptim\t")
        await until(pilot, lambda: editor.text.endswith("optimizer = ") and editor.list.display)
        await pilot.press("down", "tab")
        assert editor.text.endswith('optimizer = "sgd"')
        await pilot.press("enter", *"lea")
        await until(pilot, lambda: editor.list.display)
        await pilot.press("escape")
        assert not editor.list.display
        assert screen.is_current
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(form.screen, Confirm))


async def test_what_fields_cannot_show_stays_text(form, tmp_path):
    content = "# mine\ndataset = 'digits'\n[quick.grid]\ncapacity = [1]\n"
    (tmp_path / "own.toml").write_text(content)
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        await pilot.press("f4")
        await until(pilot, lambda: isinstance(form.screen, OpenSweep))
        await pilot.press(*"own", "right", "enter")
        await until(pilot, lambda: screen.is_current and screen.cost is not None)
        assert screen.form.editor.text == content
        assert (screen.sweep.name, screen.query_one("#preset").value) == ("own", "own")
        await pilot.press("f3")
        assert "fields cannot show [quick], which is for one scale" in said(screen, "hint")
        assert screen.form.editor.text == content


async def test_what_is_saved_is_not_lost(form, tmp_path):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        screen.query_one("#seed", Input).value = "0-4"
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(form.screen, SaveSweep))
        await pilot.press("enter")
        await until(pilot, lambda: screen.is_current)
        assert (tmp_path / "demo.toml").exists()
        await pilot.press("escape")
        await until(pilot, lambda: form.screen is form.screen_stack[0])


async def test_enter_while_a_plan_is_made_asks_once_it_is_there(form):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        screen.query_one("#seed", Input).value = "0"
        await until(pilot, lambda: screen.cost is None)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: "Enter again starts 12 runs" in said(screen, "summary"))
        assert not form.project.told


async def test_presets_are_listed_with_what_they_are(form, screen_text):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        assert "Handwritten digits (embedded), natural and PGD" in said(screen, "hint")
        await pilot.press("space")
        await until(pilot, lambda: any("figure3" in line and "CIFAR-10, infer" in line for line in screen_text(form)))


async def test_every_field_is_reached_by_the_arrow_keys(form):
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        seen = []
        for _ in range(len(FIELDS) + 2):
            seen.append(screen.focused.id)
            await pilot.press("down")
        assert seen == ["preset", "scale", *FIELDS]


async def test_right_and_left_go_through_the_presets_and_space_lists_them(form, screen_text):
    async with form.run_test(size=(58, 14)) as pilot:
        screen = await opened(form, pilot)
        field = screen.query_one("#preset", Choice)
        for name in (*field.values[1:], field.values[0]):
            await pilot.press("right")
            assert field.value == name
        await pilot.press("left")
        assert field.value == "own"
        await pilot.press("space", "home", "down", "enter")
        await pilot.pause()
        assert field.value == field.values[1]
        assert field.has_focus


async def test_runs_go_to_a_place_of_the_projects_settings_and_to_no_other(form):
    form.project.paths.root.mkdir()
    (form.project.paths.root / "project.toml").write_text('[cluster]\n[cluster.short]\npartition = "short"\n')
    async with form.run_test(size=(80, 24)) as pilot:
        screen = await opened(form, pilot)
        field = screen.query_one("#on", Input)
        field.focus()
        await until(pilot, lambda: "local, short, slurm; some with commas" in said(screen, "hint"))
        field.value = "shrt"
        await until(pilot, lambda: "did you mean 'short'" in said(screen, "hint"))
        field.value = "short,local"
        await until(pilot, lambda: "as far as short,local has room" in said(screen, "summary"))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: not screen.is_current)
        assert {run.place["on"] for run in form.project.told[-1].runs} == {"short,local"}
