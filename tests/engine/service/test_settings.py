import sys

import pytest

from engine.service import __main__ as service_main
from engine.service.settings import EngineSettings
from engine.validation import SpecError, from_mapping


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("idle_exit", -1),
        ("threads", 0),
        ("threads", 1025),
        ("cpu_jobs", -1),
        ("jobs_per_gpu", 0),
        ("jobs_per_gpu", float("nan")),
        ("stop_grace", -1),
        ("keep_mib", 0),
        ("entry", "engine.job"),
    ],
)
def test_settings_that_cannot_be_obeyed_are_refused_by_name(setting, value):
    with pytest.raises(SpecError, match=rf"^{setting}: [^\n]+$"):
        EngineSettings(**{setting: value})


def test_the_command_line_says_what_the_settings_say(monkeypatch, tmp_path):
    settings = EngineSettings(idle_exit=0, threads=3, jobs_per_gpu=0.5, entry="a.b:c")
    monkeypatch.setattr(sys, "argv", ["engine", f"--project={tmp_path}", *settings.to_arguments()])
    project, parsed = service_main.parse()
    assert project.root == tmp_path
    assert from_mapping(EngineSettings, parsed) == settings


def test_help_explains_every_setting(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["engine", "--help"])
    with pytest.raises(SystemExit):
        service_main.parse()
    assert capsys.readouterr().out.count("(default") == len(EngineSettings().__dataclass_fields__)
