"""The top of the page, on one screen: what was run, on what, what reproduces, what does not, what is not known."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from explorer.reproduction import claims, verdicts
from explorer.reproduction.settings import Setting, day
from explorer.reproduction.verdicts import Compared
from explorer.results import text
from explorer.results.rendering import markdown
from explorer.results.table import of_rows
from explorer.results.views_table import words_of

WIDTH = 120
MOST = 6
"""Departures from the authors' setting that are named, the most frequent first."""

Presets = Mapping[str, Sequence[Setting]]


def summary(presets: Presets, command: str, listing: str) -> str:
    """The page's beginning: at most 60 lines where few numbers differ; `listing` is the file with the runs."""
    every = _models(chain.from_iterable(presets.values()))
    compared = _compared(presets.values())
    about = (
        "This page puts our numbers beside those of Song, Shokri and Mittal, *Privacy Risks of Securing Machine "
        "Learning Models against Adversarial Examples* (CCS 2019): what came out first, every table after it. It is "
        f"written by `{command}` from the runs of one project, not by hand; [{listing}]({listing}) lists the runs."
    )
    parts = [
        "# Reproduction",
        _filled(about),
        "## In short",
        "\n".join(map(item, _in_short(presets, every, compared))),
    ]
    if found := _claims(presets.values()):
        words = (
            "How often what is claimed, in the paper or here, holds; a model that several presets share counts once:"
        )
        parts += [_filled(words), found]
    if differing := [each for each in compared if each.verdict == verdicts.DIFFERS]:
        parts += ["What differs, with the natural model's number in brackets:", "\n".join(map(_differs, differing))]
    parts += ["## What is not known", "\n".join(map(item, _unknown(presets, every, compared)))]
    return "\n\n".join(parts) + "\n"


def _in_short(presets: Presets, every: Sequence[Setting], compared: Sequence[Compared]) -> Iterator[str]:
    runs = {run.run_id: run for setting in every for run in setting.runs}
    done = sum(bool(settings) for settings in presets.values())
    where = ", ".join(sorted({str(run.device) for run in runs.values()}))
    days = sorted({day(run) for run in runs.values()})
    when = " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""
    scales = ", ".join(name for name, _ in Counter(setting.recipe_words for setting in every).most_common())
    yield (
        f"**Run**: {len(runs)} runs of {len(every)} models and {done} presets, {scales}, on {where}, {when}."
        if runs
        else "**Run**: nothing yet."
    )
    data = {setting.experiment.data for setting in every}
    words = sorted({f"{each.label} `{each.fingerprint}`" for each in data})
    if words:
        yield f"**On**, by the hash of the files: {', '.join(words)}."
    count = Counter(each.verdict for each in compared)
    said = [f"{count[verdict]} {verdict}" for verdict in verdicts.MEANING if count[verdict]]
    if said:
        yield f"**Numbers that the paper prints**: {', '.join(said)}."


def _unknown(presets: Presets, every: Sequence[Setting], compared: Sequence[Compared]) -> Iterator[str]:
    """What no number here answers."""
    if missing := [name for name, settings in presets.items() if not settings]:
        yield f"**Not run**: {', '.join(missing)}."
    own = sum(not setting.departures for setting in every)
    reasons = Counter(reason for setting in every for reason in setting.departures)
    told = ", ".join(f"{reason} ({n})" for reason, n in reasons.most_common(MOST))
    yield (
        f"**Whether the paper's numbers come out**: {own} of {len(every)} models are of the authors' own setting. The "
        f"others show directions only; most often they differ in {told}."
        if told
        else f"**Whether the paper's numbers come out**: asked of {own} models of the authors' own setting."
    )
    if unclear := sum(each.verdict == verdicts.UNCLEAR for each in compared):
        yield f"**{unclear} numbers** and the claims not told apart: more seeds or more images would tell."
    yield "**Whether a stronger attack finds more**: every leakage here is a floor."


def _models(settings: Iterable[Setting]) -> list[Setting]:
    """Each once, though several presets may have asked for it."""
    return list({setting.ids: setting for setting in settings}.values())


def _compared(presets: Iterable[Sequence[Setting]]) -> list[Compared]:
    """Every number that the paper prints, once with each verdict."""
    found = {
        (each.setting.ids, each.key, each.verdict): each
        for settings in presets
        for each in verdicts.compare(settings)
        if each.published is not None
    }
    return list(found.values())


def _claims(presets: Iterable[Sequence[Setting]]) -> str:
    found = dict.fromkeys(finding for settings in presets for finding in claims.findings(settings))
    lines = []
    for claim in claims.CLAIMS:
        own = [finding.verdict for finding in found if finding.claim is claim]
        if own:
            lines.append([claim.words, claim.where, *map(own.count, claims.VERDICTS)])
    return markdown(of_rows(["claim", "in", *claims.VERDICTS], lines)) if lines else ""


def _differs(each: Compared) -> str:
    before = each.natural.number(*each.key) if each.natural else None
    printed = each.natural.row.papers.get(each.key) if each.natural else None
    ours, theirs = ([text.percent(each.ours.value)], [text.percent(each.published)])
    ours += [f"({text.percent(before.value)})"] if before else []
    theirs += [f"({text.percent(printed)})"] if printed is not None else []
    return f"* {claims.label(each.setting)}: {words_of(each.key)} {' '.join(ours)}, the paper's {' '.join(theirs)}"


def item(words: str) -> str:
    """One item of a Markdown list."""
    return _filled(f"* {words}", "  ")


def _filled(words: str, indent: str = "") -> str:
    return textwrap.fill(words, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
