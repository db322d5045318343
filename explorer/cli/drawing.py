"""Commands that draw results for others: figure, page, screenshot."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.registry import ATTACKS
from engine.service.project import Project
from engine.spec import sweeps
from engine.text import printable
from engine.validation import SpecError, require
from explorer.charts.chart import Chart
from explorer.charts.drawing import Drawing
from explorer.charts.kinds_of_chart import DRAW, drawing_of
from explorer.cli import completion, options
from explorer.project import metrics
from explorer.project.answered_project import AnsweredProject
from explorer.project.choices import Choices
from explorer.project.result_source import ResultSource, find_run, results
from explorer.reproduction import chart_figure, figures, web_page
from explorer.results import run_table, text, views_table
from store.rows import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLAIN_Y = {"roc": "true positive rate %", "history": "", "histogram": "share of the examples %"}
"""What y is where it is not the chosen number."""
ON_PAGE = ("capacity", "epsilon", "roc", "histogram", "trade-off")
"""Charts of a page, in their order."""
ALONG = ("capacity", "epsilon")


@click.command()
@click.argument("sweep", required=False, shell_complete=completion.sweeps_run)
@click.option("-o", "target", metavar="FILE", required=True, help="Ends in .svg, .pdf or .png.")
@click.option("--chart", "kind", type=options.KnownWord(tuple(DRAW)), help="The app's chart in place of panels.")
@click.option("--run", "runs", multiple=True, metavar="RUN", help="For ROC: this run; else the finding's two.")
@click.option("--metric", type=options.KnownWord(tuple(metrics.BY_ID)), help="The number; else the finding's.")
@click.option("--attack", type=options.KnownWord(tuple(ATTACKS)), help="The attack that finds it.")
@click.option("--view", type=options.KnownWord(text.VIEWS), help="The answers that it reads.")
@options.project
def figure(
    sweep: str | None,
    target: str,
    kind: str | None,
    runs: tuple[str, ...],
    metric: str | None,
    attack: str | None,
    view: str | None,
    project: Project,
) -> None:
    """Draw a sweep's finished runs for a paper: inference accuracy over capacity, epsilon or method, by view.

    SWEEP may be a preset or any sweep of the project. Crosses are the paper's own numbers, bars 95 % intervals.
    With --chart the very series of that chart of the app, of the whole project without a SWEEP.

    \b
    mia-explore figure figure3 -o figure3.pdf
    mia-explore figure --chart roc -o roc.pdf          natural against robust on log axes
    mia-explore figure --chart trade-off --metric auc -o price.svg
    """  # noqa: D301
    chosen = {"--run": runs, "--metric": metric, "--attack": attack, "--view": view}
    with results(project) as asked:
        if kind:
            answered = AnsweredProject(project, asked, sweep)
            wanted = {"metric": metric, "attack": attack, "leak_view": view}
            choices = replace(answered.choices(), **{name: value for name, value in wanted.items() if value})
            if runs:
                ids = [find_run(asked, name).run_id for name in runs]
                choices = replace(choices, marked=ids, current=ids[0])
            drawn, said = chart(kind, answered, choices)
        else:
            require(sweep is not None, "figure", "", "a SWEEP, or --chart")
            for name, value in chosen.items():
                require(not value, f"figure: {name}", value, "nothing without --chart")
            drawn, said = panels(asked, sweep)
    figures.save(drawn, Path(target))
    click.echo(f"{printable(target)}: {said}", err=True)


def panels(asked: ResultSource, sweep: str) -> tuple["Figure", str]:
    """A panel for each view, and what they show."""
    rows = asked.query("capacity", sweep=sweep, **figures.ASKED)
    rows = [row for row in rows if row.view in figures.VIEWS]
    require(bool(rows), "figure", sweep, "a sweep with finished runs; `mia-explore ls` lists them")
    title = sweeps.presets().get(sweep, {}).get("description", sweep)
    return figures.draw(rows, textwrap.fill(title, 70)), f"{len(rows)} numbers of {sweep}"


def chart(kind: str, project: AnsweredProject, choices: Choices) -> tuple["Figure", str]:
    """One of the app's charts, and its title; `SpecError` where there is nothing to draw."""
    drawing = _drawing(kind, project, choices)
    if drawing.chart is None:
        raise SpecError(f"figure --chart {kind}: {drawing.empty[0]}")
    return chart_figure.draw(drawing.chart, textwrap.fill(drawing.title, 80), _y_label(kind, choices)), drawing.title


def _drawing(kind: str, project: AnsweredProject, choices: Choices, runs: Sequence[Run] = ()) -> Drawing:
    return drawing_of(kind, project, choices, runs or list(project.runs.values()))


def _y_label(kind: str, choices: Choices) -> str:
    return PLAIN_Y.get(kind, f"{metrics.of(choices).title} %")


@click.command()
@click.argument("sweep", required=False, shell_complete=completion.sweeps_run)
@click.option("-o", "target", metavar="FILE", required=True, help="Ends in .html.")
@options.project
def page(sweep: str | None, target: str, project: Project) -> None:
    """Write the results as one HTML file for somebody without a terminal: the finding, figures, tables that sort.

    Of the whole project, or of a SWEEP. Nothing in the file comes from elsewhere; it prints, and is light or dark as
    its reader likes it.

    \b
    mia-explore page -o report.html
    """  # noqa: D301
    require(Path(target).suffix in (".html", ".htm"), "-o", target, "a name that ends in .html")
    with results(project) as asked:
        answered = AnsweredProject(project, asked, sweep)
        runs = list(answered.runs.values())
        rows = asked.query("views", sweep=sweep)
        pictures = list(_pictures(answered)) if runs else []
    tables = (
        [("Accuracy and leakage", views_table.table(rows)), ("Runs", run_table.table(runs).without("took"))]
        if runs
        else []
    )
    name = printable(project.root.name + (f", {sweep}" if sweep else ""))
    about = f"{len(runs)} finished runs, by mia-explore {version('mia-explore')}"
    told = web_page.page(
        f"What robustness costs in privacy: {name}", about, answered.finding, pictures, tables if runs else []
    )
    Path(target).write_text(told, encoding="utf-8")
    click.echo(f"{printable(target)}: {len(pictures)} figures, {len(told) // 1000} kB", err=True)


def _pictures(project: AnsweredProject) -> Iterator[web_page.CaptionedFigure]:
    """The charts that have something to show of the models that the finding is about.

    Over capacity or epsilon that are two places at least: of the finding's number, or else of the paper's.
    """
    chosen, runs = project.choices(), project.comparable()
    for kind in ON_PAGE if runs else ():
        for choices in (chosen, Choices(current=chosen.current, marked=chosen.marked)):
            drawn = _drawing(kind, project, choices, runs) if kind in DRAW else None
            if drawn and drawn.chart and (kind not in ALONG or _places(drawn.chart) > 1):
                figure = chart_figure.draw(drawn.chart, "", _y_label(kind, choices), web_page.INK)
                yield web_page.CaptionedFigure(figure, drawn.title)
                break


def _places(chart: Chart) -> int:
    return len({x for series in chart.series for x in series.x})


@click.command()
@click.option("-o", "target", metavar="FILE", required=True, help="Ends in .svg.")
@click.option("--size", metavar="COLUMNSxROWS", default="120x40", show_default=True, help="Of the terminal.")
@click.option("--theme", type=click.Choice(("dark", "light", "mono")), default="dark", show_default=True)
@click.option("--keys", default="", metavar="KEYS", help="Pressed first, by Textual's names: 2,right_square_bracket")
@options.project
def screenshot(target: str, size: str, theme: str, keys: str, project: Project) -> None:
    """Draw the app's screen as SVG, as somebody sees it who opens the project for the first time.

    \b
    mia-explore screenshot -o story.svg --size 200x60
    mia-explore screenshot -o images.svg --keys 7,z
    """  # noqa: D301
    from explorer.app import launch

    require(Path(target).suffix == ".svg", "-o", target, "a name that ends in .svg")
    sides = re.fullmatch(r"(\d{2,3})x(\d{2,3})", size)
    require(sides is not None, "--size", size, "COLUMNSxROWS such as 120x40")
    columns, rows = map(int, sides.groups())
    with results(project):
        pass  # refuses a folder without results
    pressed = [key for key in keys.split(",") if key]
    drawn = launch.screenshot(launch.Launch(project=project, theme=theme), (columns, rows), pressed)
    Path(target).write_text(drawn, encoding="utf-8")
    click.echo(f"{printable(target)}: {columns} columns, {rows} rows", err=True)
