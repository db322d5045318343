"""What is typed to filter the runs: words, and settings such as `defense=pgd capacity>2 state=failed leakage>60`."""

import difflib
import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from store.rows import Run

NumberOf = Callable[[Run], float | None]
TEXTS = ("dataset", "network", "size", "defense", "state", "sweep", "setting", "certification", "device", "places")
"""Fields of words: a value is the whole of one, or how it begins where no run has just that."""
NUMBERS = {
    **{name: attrgetter(name) for name in ("capacity", "epsilon", "seed", "steps")},
    "attacked": attrgetter("evaluation_epsilon"),
    "data": attrgetter("train_fraction"),
}
"""Fields of numbers, and where they are in a run: `attacked` is the attack's budget, `data` the share trained with."""
LEAKAGE = "leakage"
"""The number that the list shows, in percent."""
FIELDS = (*TEXTS, *NUMBERS, LEAKAGE)
COMPARED = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}
TERM = re.compile(r"([a-z_-]+)(>=|<=|!=|=|>|<)(.*)")
CLOSE = 1e-3
"""Relative difference of numbers that are the same to people: 0.0314 is 8/255."""


@dataclass(frozen=True)
class Term:
    """One condition."""

    field: str
    sign: str
    values: tuple[str, ...]
    """As typed between commas; one of them is enough."""

    @property
    def trouble(self) -> str:
        """Why it cannot be asked, in a few words; empty where it can."""
        if self.field not in FIELDS:
            near = difflib.get_close_matches(self.field, FIELDS, 1)
            return f"no field {self.field}: " + (f"{near[0]}?" if near else ", ".join(FIELDS))
        if self.field in TEXTS:
            return f"{self.field} takes = and !=" if self.sign in COMPARED else ""
        odd = next((value for value in self.values if number(value) is None), None)
        return "" if odd is None else f"{self.field}{self.sign}{odd}: {odd} is no number"


def number(typed: str) -> float | None:
    """The number that was typed, `8/255` as well; None where it is none."""
    above, _, below = typed.partition("/")
    try:
        found = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        return None
    return found if math.isfinite(found) else None


def parsed(typed: str) -> tuple[list[str], list[Term]]:
    """The words, in small letters, and the conditions; one whose value is still to come is left out."""
    words, terms = [], []
    for part in typed.lower().split():
        found = TERM.fullmatch(part)
        values = tuple(filter(None, found[3].split(","))) if found else ()
        if values:
            terms.append(Term(found[1], found[2], values))
        elif not found:
            words.append(part)
    return words, terms


def trouble(typed: str) -> str:
    """Why what was typed cannot be asked, or an empty text."""
    return next((term.trouble for term in parsed(typed)[1] if term.trouble), "")


def passing(runs: Sequence[Run], typed: str, number_of: NumberOf) -> list[Run]:
    """The runs with every word in what they are called and every condition met; none where one cannot be asked.

    number_of: the number that the list shows, as a share.
    """
    words, terms = parsed(typed)
    if any(term.trouble for term in terms):
        return []
    tests = [_test(term, runs, number_of) for term in terms]
    if words:
        tests.append(lambda run: all(word in called(run).lower() for word in words))
    return [run for run in runs if all(test(run) for test in tests)]


def called(run: Run) -> str:
    """What plain words and expressions are looked for in."""
    return f"{run.run_id} {run.dataset} {run.network} {run.state} {run.sweep}"


def _test(term: Term, runs: Iterable[Run], number_of: NumberOf) -> Callable[[Run], bool]:
    if term.field in TEXTS:
        known = {_text(run, term.field) for run in runs}
        wanted = {
            own for value in term.values for own in ({value} & known or {own for own in known if own.startswith(value)})
        }
        return lambda run: (_text(run, term.field) in wanted) is (term.sign == "=")
    numbers = [number(value) for value in term.values]
    if term.field == LEAKAGE:
        numbers = [value / 100 for value in numbers]
    value_of = NUMBERS.get(term.field, number_of)
    return lambda run: _is_met(term.sign, value_of(run), numbers)


def _is_met(sign: str, value: float | None, numbers: Sequence[float]) -> bool:
    if value is None:
        return False
    if sign in COMPARED:
        return any(COMPARED[sign](value, wanted) for wanted in numbers)
    return any(math.isclose(value, wanted, rel_tol=CLOSE) for wanted in numbers) is (sign == "=")


def _text(run: Run, field: str) -> str:
    value: Any = getattr(run, field)
    return "" if value is None else str(value).lower()


def completed(typed: str, runs: Iterable[Run]) -> str | None:
    """What was typed with its last word made whole: a field's name, or a value that a run has; None where none is."""
    before, blank, last = typed.rpartition(" ")
    found = TERM.fullmatch(last)
    if found is None:
        near = [f"{name}=" for name in FIELDS if len(last) > 1 and name.startswith(last)]
    elif found[1] in TEXTS and found[3]:
        own = sorted({_text(run, found[1]) for run in runs})
        near = [f"{found[1]}{found[2]}{value}" for value in own if value.startswith(found[3])]
    else:
        near = []
    return f"{before}{blank}{near[0]}" if near else None
