"""The command that puts our numbers beside the paper's: reproduce."""

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import click

from engine.job_settings import RunOptions
from engine.service.project import Project
from engine.spec import sweeps
from engine.text import printable
from engine.validation import SpecError, require_known
from explorer.cli import completion, options
from explorer.cli.watching import INTERRUPTED, engine_at_work, wait
from explorer.project.result_source import results
from explorer.project.submitting import data_folder, place_here, submission
from explorer.reproduction import claims, page, settings, verdicts
from explorer.results.marks import FLOOR

LISTING = "runs.csv"
"""The file beside a page that lists its runs."""


@click.command()
@click.argument("names", metavar="[PRESET]...", nargs=-1, shell_complete=completion.presets)
@click.option("--all", "every", is_flag=True, help="All presets.")
@options.scale
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting, as for run.")
@click.option("--no-run", is_flag=True, help="Only what has been run already.")
@click.option(
    "--page", "target", metavar="FILE.md", help="Write one Markdown page of all of them there, and runs.csv beside it."
)
@options.project
@options.data_root
@options.on
def reproduce(
    names: tuple[str, ...],
    every: bool,
    scale: str,
    overrides: tuple[str, ...],
    no_run: bool,
    target: str | None,
    project: Project,
    data_root: Path,
    on: str,
) -> int:
    """Run what is missing of a preset and put its numbers beside the paper's, with verdicts.

    Each preset's table goes to reproduction/PRESET.md and .csv in the project.

    \b
    mia-explore reproduce table8 --data-root ~/data
    mia-explore reproduce --all --no-run --page results.md
    """  # noqa: D301
    known = sweeps.presets()
    for name in names:
        require_known("preset", name, known)
    chosen = list(known) if every else list(names)
    if not chosen:
        raise SpecError("reproduce: name a preset, or --all; `mia-explore presets` lists them")
    sys.path.insert(0, str(Path.cwd()))  # where a network of one's own may lie
    code = 0 if no_run else _run(chosen, scale, overrides, project, place_here(data_folder(data_root), on=on))
    if code == INTERRUPTED:
        return code
    with results(project) as asked:
        found = {name: settings.gather(asked, name) for name in chosen}
    descriptions = {name: known[name]["description"] for name in chosen}
    folder = project.root / "reproduction"
    for name in chosen:
        _tell(name, found[name], descriptions, folder)
    if target:
        command = " ".join(["mia-explore reproduce", "--all" if every else " ".join(names), "--no-run"])
        text = page.page(found, descriptions, command, LISTING)
        Path(target).write_text(text, encoding="utf-8")
        Path(target).with_name(LISTING).write_text(page.listing(found), encoding="utf-8")
        click.echo(f"page: {target}, and {LISTING} beside it", err=True)
    return code


def _run(names: Sequence[str], scale: str, overrides: Sequence[str], project: Project, place: RunOptions) -> int:
    """Queue the runs of all presets together, so that no core idles while one preset ends; wait; the exit code."""
    planned = [sweeps.plan(sweeps.read(name), scale, overrides, Path(place.data_root)) for name in names]
    with engine_at_work(project) as client:
        fresh = [run_id for sweep in planned for run_id in client.call(submission(sweep, place)).run_ids]
        every = {experiment.run_id: experiment for sweep in planned for experiment in sweep.experiments}
        count = f"{len(every)} runs, {len(fresh)} of them new"
        click.echo(f"{', '.join(names)} ({scale}): {count}, in {printable(str(project.root))}", err=True)
        return wait(client, project, list(every.values()), plain=False)


def _tell(name: str, own: list[settings.Setting], descriptions: dict[str, str], folder: Path) -> None:
    """One preset's numbers and claims in a few lines on stdout, and all of it as files."""
    if not own:
        click.echo(f"{name}: not run")
        return
    said = [each.verdict for each in verdicts.compare(own)]
    counts = ", ".join(f"{said.count(verdict)} {verdict}" for verdict in page.MARKS if verdict in said)
    click.echo(f"{name}: {counts}")
    for claim, findings in groupby(claims.findings(own), key=lambda finding: finding.claim):
        each = [finding.verdict for finding in findings]
        unclear = each.count(claims.UNCLEAR)
        told = f", {unclear} {claims.UNCLEAR}" if unclear else ""
        click.echo(f"  {claims.HOLDS} {each.count(claims.HOLDS)} of {len(each)}{told}  {claim.words} ({claim.where})")
    if said:
        click.echo(f"  {FLOOR}")
    folder.mkdir(parents=True, exist_ok=True)
    alone = page.page({name: own}, descriptions, f"mia-explore reproduce {name} --no-run", f"{name}.csv")
    (folder / f"{name}.md").write_text(alone, encoding="utf-8")
    (folder / f"{name}.csv").write_text(page.rows(name, own), encoding="utf-8")
    click.echo(f"  files: {printable(str(folder / name))}.md, .csv")
