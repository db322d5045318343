"""The Markdown page and the CSV of what was reproduced. The same runs give the same bytes."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from explorer.reproduction import claims, summary, verdicts
from explorer.reproduction.claims import STRATEGIES, Finding
from explorer.reproduction.settings import ON_TARGETS, Setting, day
from explorer.reproduction.verdicts import NUMBERS, UNPRINTED, Compared
from explorer.results import marks, text
from explorer.results.attack_table import AUC, LOW_RATES
from explorer.results.numbers import EXAMPLES, SEEDS, Number
from explorer.results.rendering import markdown
from explorer.results.table import of_rows
from explorer.results.views_table import words_of
from store.rows import BETWEEN_WARNINGS, column_of

NOTES = Path(__file__).with_name("notes.md")
MARKS = {
    verdicts.REPRODUCED: "✔",
    verdicts.DIRECTION: "→",
    verdicts.DIFFERS: "✗",
    verdicts.UNCLEAR: "~",
    verdicts.ELSEWHERE: "·",
    UNPRINTED: "",
}
OVER = {EXAMPLES: "e", SEEDS: "s"}
"""What an interval is taken over."""
CSV_COLUMNS = (
    *("preset", "dataset", "network", "size", "train_fraction", "capacity", "defense", "epsilon", "evaluation_epsilon"),
    *("certification", "setting", "scale", "number", "ours", "ci_low", "ci_high", "ci_over", "n_seeds", "published"),
    *("difference", "verdict", "departures", "seeds", "run_ids", "device", "ended", "warnings"),
)
RUN_COLUMNS = (
    *("preset", "run_id", "dataset", "network", "size", "train_fraction", "capacity", "defense", "epsilon"),
    *("evaluation_epsilon", "certification", "setting", "seed", "scale", "steps", "device", "ended", "departures"),
)
_HOW = """## How to read the tables

Numbers are in percent; the paper's stand below ours. I_B, I_A, I_V are membership-inference accuracies by a threshold
on the benign, adversarial and certified confidence (a guess is right 50 % of the time), with the paper's oracle
threshold. Intervals are 95 %, the wider of two: over examples (e), of several seeds the mean, and over seeds (s),
Student's from three seeds on.

{legend}
"""


def page(presets: Mapping[str, Sequence[Setting]], descriptions: Mapping[str, str], command: str, listing: str) -> str:
    """What came out, then every preset that has finished runs; `listing` is the file beside it with the runs."""
    parts = [summary.summary(presets, command, listing), _HOW.format(legend=_legend())]
    parts += [_section(name, descriptions[name], settings) for name, settings in presets.items() if settings]
    return "\n".join([*parts, NOTES.read_text(encoding="utf-8")])


def _legend() -> str:
    words = [f"{MARKS[verdict]} **{verdict}**: {meaning}".lstrip() for verdict, meaning in verdicts.MEANING.items()]
    return "\n".join(map(summary.item, [*words, f"{marks.WARNED} **may mislead**: see the warnings below the table"]))


_GROUPS = tuple((view, group) for view in ("benign", "adversarial") for group in ("robust", "plain"))
_HELD_OUT = (
    (
        "The five strategies of Table 7, held out, all classes together",
        ("model-class", "benign"),
        STRATEGIES,
        tuple(f"{attack} ({view})" for attack, view in STRATEGIES),
    ),
    (
        "Members trained robustly and the others apart, each against all others, held out",
        ("confidence-robust", "benign"),
        tuple((f"confidence-{group}", view) for view, group in _GROUPS),
        tuple(f"{group} ({view})" for view, group in _GROUPS),
    ),
)
"""What stands before a table, the attack that it needs, its attacks, and what their columns are called."""
_OVER_TARGETS = """Each model attacked with the others of its population as references, and by a threshold alone
(margin): means over the models as targets, with Student's interval over them (s). A pooled rate is no guarantee for any
one image, nor an audit of differential privacy:"""


def _section(name: str, description: str, settings: Sequence[Setting]) -> str:
    compared = list(verdicts.compare(settings))
    tables = [
        f"**{_title(own[0])}**\n\n{_table(own, compared)}"
        for own in (list(group) for _, group in groupby(settings, key=lambda setting: setting.model))
    ]
    parts = [f"## {name}\n\n{description}.\n\n{_counts(compared)}", *tables]
    if said := marks.messages(setting.row for setting in settings):
        parts.append("\n".join(f"- {marks.WARNED} {message}" for message in said))
    if found := claims.findings(settings):
        parts.append(f"What is claimed, in the paper or here:\n\n{_claims(found)}")
    if collapsed := [claims.label(setting) for setting in settings if setting.collapsed]:
        parts.append(f"Not counted, for they give one class to every image: {'; '.join(collapsed)}.")
    if table := _over_targets(settings):
        parts.append(f"{_OVER_TARGETS}\n\n{table}")
    for title, needed, attacks, words in _HELD_OUT:
        if table := _held_out([own for own in settings if own.attack(*needed, "heldout")], attacks, words):
            parts.append(f"{title}:\n\n{table}")
    return "\n\n".join(parts) + "\n"


def _title(setting: Setting) -> str:
    row, own = setting.row, setting.experiment
    words = [row.dataset, row.network, f"capacity {row.capacity:g}", *([row.size] if row.size else [])]
    words += [f"{100 * row.train_fraction:.4g} % of the data"] if row.train_fraction != 1 else []
    return " · ".join([*words, setting.recipe_words, f"attacked with {text.epsilon(own.evaluation.epsilon)}"])


def _counts(compared: Iterable[Compared]) -> str:
    said = [each.verdict for each in compared]
    words = [f"{said.count(verdict)} {verdict}" for verdict in MARKS if verdict != UNPRINTED and verdict in said]
    return (
        f"Of the numbers that the paper prints: {', '.join(words)}."
        if words
        else "The paper prints no number of these."
    )


def _table(settings: Sequence[Setting], compared: Sequence[Compared]) -> str:
    """A line of ours, and below it the paper's with a mark for the verdict."""
    lines: list[list[Any]] = []
    for setting in settings:
        found = {each.key: each for each in compared if each.setting is setting}
        cells = [found.get(key) for key in NUMBERS]
        lines.append([_name(setting), len(setting.runs), *(cell and _ours(cell) for cell in cells)])
        if any(cell and cell.published is not None for cell in cells):
            lines.append(["paper", "", *(cell and _papers(cell) for cell in cells)])
    return markdown(of_rows(["defense", "seeds", *map(words_of, NUMBERS)], lines))


def _name(setting: Setting) -> str:
    row = setting.row
    words = [f"by {row.certification}"] if row.certification else []
    words += [row.setting] if row.setting else []
    return text.trained(row) + (f" ({', '.join(words)})" if words else "")


def _ours(each: Compared) -> str:
    return _number(each.ours) + marks.mark(None, each.key[0] in each.setting.row.warned_views)


def _papers(each: Compared) -> str | None:
    return None if each.published is None else f"{text.percent(each.published)} {MARKS[each.verdict]}".strip()


def _claims(found: Iterable[Finding]) -> str:
    lines = [
        [each.claim.words, each.claim.where, each.about]
        + [text.percent(number.value) for number in (each.more, each.less)]
        + [_number(each.difference), each.words]
        for each in found
    ]
    return markdown(of_rows(["claim", "in", "of", "larger", "smaller", "difference", "verdict"], lines))


def _held_out(settings: Sequence[Setting], attacks: Sequence[tuple[str, str]], words: Sequence[str]) -> str:
    """Attacks on all classes together side by side; empty where there is no setting."""
    lines = [
        [claims.label(setting), *(_number(setting.attack(attack, view, "heldout")) for attack, view in attacks)]
        for setting in settings
    ]
    return markdown(of_rows(["", *words], lines)) if lines else ""


def _over_targets(settings: Sequence[Setting]) -> str:
    """Attacks on the models of populations; empty where there is none."""
    rates = (AUC, *LOW_RATES)
    lines = [
        [claims.label(setting), len(setting.runs), attack, view]
        + [_number(setting.over_targets(attack, view, shown)) for shown in rates]
        for setting in settings
        for attack in ON_TARGETS
        for view in setting.views(attack)
    ]
    return (
        markdown(of_rows(["", "models", "attack", "view", *(shown.words for shown in rates)], lines)) if lines else ""
    )


def _number(number: Number | None) -> str:
    if number is None:
        return "-"
    over = OVER.get(number.over, "")
    around = "" if number.low is None else f" [{100 * number.low:.1f}, {100 * number.high:.1f}]{over}"
    return text.percent(number.value) + around


def rows(preset: str, settings: Sequence[Setting]) -> str:
    """The CSV: one row per number, shares at full precision."""
    lines = []
    for each in verdicts.compare(settings):
        setting, row = each.setting, each.setting.row
        told = [getattr(row, name) for name in CSV_COLUMNS[1:11]]
        difference = None if each.published is None else each.ours.value - each.published
        number = each.ours
        numbers = [column_of(*each.key), number.value, number.low, number.high, number.over, len(setting.runs)]
        behind = [" ".join(str(getattr(run, name)) for run in setting.runs) for name in ("seed", "run_id")]
        devices = " ".join(dict.fromkeys(str(run.device) for run in setting.runs))
        ended = max(day(run) for run in setting.runs)
        verdict = [each.published, difference, each.verdict, ", ".join(setting.departures)]
        said = [*verdict, *behind, devices, ended, BETWEEN_WARNINGS.join(row.warnings)]
        lines.append([preset, *told, setting.scale, *numbers, *said])
    return _csv(CSV_COLUMNS, lines)


def listing(presets: Mapping[str, Sequence[Setting]]) -> str:
    """The CSV of the runs with their settings, one row per preset and run."""
    lines = []
    for preset, settings in presets.items():
        for own in settings:
            told = [getattr(own.row, name) for name in RUN_COLUMNS[2:12]]
            behind = [own.scale, own.steps]
            departs = ", ".join(own.departures)
            for run in own.runs:
                lines.append([preset, run.run_id, *told, run.seed, *behind, run.device, day(run), departs])
    return _csv(RUN_COLUMNS, lines)


def _csv(columns: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([columns, *lines])
    return stream.getvalue()
