"""What a shell completes behind a command: names that begin as what is typed; none where a project cannot be read."""

import os
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from engine.job_settings import LOCAL
from engine.service.client import EngineUnreachable
from engine.service.project import Project, ProjectError
from engine.validation import SpecError
from store.errors import StoreError
from store.rows import Run

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def presets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """The packaged sweeps; where none begins so, files."""
    from engine.spec import sweeps

    return _beginning(sweeps.presets(), incomplete) or [CompletionItem(incomplete, type="file")]


def places(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Where runs of the project may go, behind the last comma."""
    from engine.service import places

    before, comma, begun = incomplete.rpartition(",")
    try:
        known = [LOCAL, *places.places(_project(ctx).root)]
    except (SpecError, ProjectError):
        known = [LOCAL]
    return [CompletionItem(f"{before}{comma}{name}") for name in known if name.startswith(begun)]


def of_runs(*columns: str, words: Iterable[str] = ()) -> Complete:
    """What the project's runs have in these columns, and other words."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
        found = {getattr(run, name) for run in _runs(ctx) for name in columns}
        return _beginning([*words, *sorted(filter(None, found))], incomplete)

    return complete


runs = of_runs("run_id")
sweeps_run = of_runs("sweep")


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _runs(ctx: click.Context) -> list[Run]:
    from explorer.project.result_source import results

    try:
        with results(_project(ctx)) as asked:
            return asked.query("runs")
    except (StoreError, ProjectError, EngineUnreachable, OSError):
        return []


def _project(ctx: click.Context) -> Project:
    return ctx.params.get("project") or Project.at(os.environ.get("MIA_PROJECT") or "mia-results")
