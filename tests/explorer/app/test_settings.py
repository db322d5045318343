import dataclasses
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explorer.app import actions
from explorer.app import settings as app_settings
from explorer.app.settings import AppSettings, load


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.toml"

    def written(text):
        path.write_text(text)
        chosen, complaints = load(path)
        assert all(line.startswith(str(path)) for line in complaints)
        return chosen, [line.removeprefix(str(path)) for line in complaints]

    return written


def test_without_a_file_everything_is_as_on_the_first_day(tmp_path):
    assert load(tmp_path / "none.toml") == (AppSettings(), [])


def test_the_file_lies_where_the_system_keeps_such_files(monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")
    assert str(app_settings.config_file()) == "/somewhere/mia-explore/config.toml"


def test_good_settings_are_taken(config):
    chosen, complaints = config(
        'theme = "light"\nascii = true\nfps = 4\nconfirm_quit = false\nbell = true\n'
        'alerts = ["over", "leaks"]\n[keymap]\n"runs.mark" = "o"\n'
    )
    assert not complaints
    assert chosen == AppSettings(
        theme="light",
        ascii=True,
        fps=4.0,
        confirm_quit=False,
        bell=True,
        alerts=("leaks", "over"),
        keymap={"runs.mark": "o"},
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('theem = "dark"', ":1: theem is not known; did you mean theme?"),
        ("zzz = 1", ":1: zzz is not known; allowed: theme, ascii, fps, confirm_quit, bell, alerts, keymap"),
        ('theme = "pink"', ":1: theme is 'pink'; allowed: dark, light, mono"),
        ("theme = [1]", ":1: theme is [1]; allowed: dark, light, mono"),
        ("ascii = 1", ":1: ascii is 1; allowed: true or false"),
        ("fps = 0", ":1: fps is 0; allowed: 0.1 to 10"),
        ("fps = nan", ":1: fps is nan; allowed: 0.1 to 10"),
        ("fps = true", ":1: fps is True; allowed: 0.1 to 10"),
        ("alerts = true", ":1: alerts is True; allowed: a list of leaks, stalled, over"),
        ('alerts = ["stale"]', ":1: alerts: stale is not known; did you mean stalled?"),
        ("alerts = [{a = 1}]", ":1: alerts: {'a': 1} is not known; allowed: leaks, stalled, over"),
        ("keymap = 3", ":1: keymap is 3; allowed: a table"),
        ('[keymap]\n"runs.overlya" = "o"', ":2: keymap: runs.overlya is not known; did you mean runs.overlay?"),
        ('[keymap]\nqqqq = "o"', ":2: keymap: qqqq is not known; allowed: an action such as runs.overlay"),
        (
            '\n[keymap]\n"runs.mark" = "ctrl-x"',
            ":3: keymap: runs.mark is 'ctrl-x'; allowed: a key such as 'o', 'f5', 'space' or 'ctrl+t'",
        ),
    ],
)
def test_a_bad_setting_is_named_with_its_line_and_what_is_allowed(config, line, complaint):
    chosen, complaints = config(line)
    assert complaints == [complaint]
    assert chosen == AppSettings()


def test_what_is_wrong_does_not_spoil_what_is_right(config):
    chosen, complaints = config('theme = "mono"\nfps = -1\n[keymap]\n"runs.mark" = ""\n"runs.open" = "o"\n')
    assert chosen == AppSettings(theme="mono", keymap={"runs.open": "o"})
    assert len(complaints) == 2


@pytest.mark.parametrize("written", [b"a = [1", b"\xff\xfe", b"theme"])
def test_a_file_that_is_no_toml_is_passed_over_in_one_line(tmp_path, written):
    path = tmp_path / "config.toml"
    path.write_bytes(written)
    chosen, (complaint,) = load(path)
    assert chosen == AppSettings()
    assert complaint.startswith(f"{path}: passed over: ")
    assert "\n" not in complaint


def test_a_folder_in_the_files_place_is_passed_over(tmp_path):
    assert load(tmp_path)[1][0].startswith(f"{tmp_path}: passed over: ")


plain_toml = st.dictionaries(
    st.sampled_from([field.name for field in dataclasses.fields(AppSettings)])
    | st.text("abcdef", min_size=1, max_size=5),
    st.sampled_from(["true", "3", "-1.5", '"dark"', '"x"', "[1]", "{a = 1}", "nan", "1979-05-27"]),
    max_size=5,
)


@given(plain_toml)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_key_is_either_taken_or_complained_about(tmp_path, given_lines):
    path = tmp_path / f"config-{os.getpid()}.toml"
    path.write_text("\n".join(f"{key} = {value}" for key, value in given_lines.items()))
    chosen, complaints = load(path)
    known = {field.name for field in dataclasses.fields(AppSettings)}
    for number, key in enumerate(given_lines, start=1):
        said = any(line.startswith(f"{path}:{number}: {key} is") for line in complaints)
        assert said or key in known
    assert chosen.theme in app_settings.THEMES
    assert 0.1 <= chosen.fps <= 10


def test_every_key_of_the_actions_counts_as_a_key():
    assert all(app_settings._is_key(key) for action in actions.ACTIONS if action.keys for key in action.keys.split(","))


async def test_a_remapped_key_works_and_the_old_one_does_not(make_app, until):
    app = make_app(keymap={"runs.overlay": "o", "panes.zoom": "question_mark", "app.help": "Z"})
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.choices.current)
        await pilot.press("space")
        assert not app.choices.off
        await pilot.press("o")
        assert app.choices.off == {app.choices.current}
        await pilot.press("?")
        assert app.screen.query_one("#body").zoomed == "1"


async def test_footer_notes_and_help_show_the_new_key(make_app, until, screen_text):
    app = make_app(keymap={"runs.overlay": "o"})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.choices.current)
        lines = screen_text(app)
        assert " o on chart" in lines[-1]
        assert "o on chart" in next(line for line in lines if "/ filter ·" in line)
        await pilot.press("A")
        await until(pilot, lambda: any("o on a run adds it" in line for line in screen_text(app)))
        await pilot.press("?")
        await until(pilot, lambda: any("put the run on the chart" in line for line in screen_text(app)))
        (line,) = [line for line in screen_text(app) if "put the run on the chart" in line]
        assert line.split("put the run")[0].split()[-1] == "o"


@pytest.mark.parametrize("bell", [True, False])
async def test_an_alert_is_a_notice_a_line_of_the_log_and_rings_where_that_is_wished(
    make_app, until, monkeypatch, bell
):
    app, rung = make_app(alerts=("over",), bell=bell), []
    monkeypatch.setattr(app, "bell", lambda: rung.append(True))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.project.tracker.count("running"))
        app._alert()
        for run in app.project.tracker.runs.values():
            app.project.tracker.put_state(run.run_id, "done")
        words = "everything is over: 2 done"
        await until(pilot, lambda: any(line.message == words for line in app.project.log))
        assert words in [notice.message for notice in app._notifications]
        assert bool(rung) == bell
