"""A sweep file as it is typed: its runs, the line that a mistake stands on, and what may come at the cursor.

What may come is what the engine names when it refuses a `?` in its place, so there is no second list of it.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from engine.registry import DATASETS, training_defenses
from engine.spec import sweeps
from engine.spec.recipes import SCALES
from engine.validation import SpecError
from explorer.project.planning.draft import RUN_LINE, Draft
from explorer.results import glossary

QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"?|\'[^\']*\'?')
HEADER = re.compile(r"\s*\[\s*([\w.]+)")
KEY = re.compile(r'\s*("[^"]*"|[\w.-]+)\s*=')
AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")
LISTED = "a list"
"""How a refusal says that a setting holds a list."""


@dataclass(frozen=True, kw_only=True)
class SweepText:
    """The text of a sweep file, and what is not in it."""

    text: str
    scale: str
    data_root: str
    device: str
    on: str
    name: str
    """What the sweep is called where the text does not say."""

    def table(self) -> dict[str, Any]:
        """The sweep's table; `SpecError` where it is no TOML."""
        try:
            return {"name": self.name} | tomllib.loads(self.text)
        except (ValueError, RecursionError) as error:  # besides what is no TOML: numbers beyond Python's limits
            raise SpecError(f"not TOML: {error}") from None

    def to_toml(self) -> str:
        """The text as it is."""
        return self.text

    def mistake(self, said: str) -> tuple[int | None, str]:
        """The row that a refusal is about, if it is known, and the refusal with its line's number."""
        said = re.sub(r"^data\.name:", "dataset:", said)  # what the engine calls it behind the file
        row = self._row(said)
        return row, said if row is None else f"line {row + 1}: {AT_LINE.sub('', said)}"

    def _row(self, said: str) -> int | None:
        lines = self.text.split("\n")
        if place := AT_LINE.search(said):
            return int(place[1]) - 1 if place[1] else len(lines) - 1
        named = re.match(r"[\w.-]*", said)[0]
        rows = {}
        for row, (place, line) in enumerate(zip(_places(lines), lines, strict=True)):
            own = place.key if KEY.match(line) else ""
            rows.setdefault(".".join(filter(None, (place.section, own))), row)
        last = named.rpartition(".")[2]
        sections = [*SCALES, *(f"{self.scale}.{section}" for section in sweeps.SECTIONS), *sweeps.SECTIONS]
        wanted = [f"{self.scale}.{named}", named, *(f"{section}.{last}" for section in sections)]
        return next((rows[each] for each in [*wanted, named.rpartition(".")[0]] if each and each in rows), None)

    def as_fields(self) -> Draft:
        """The same sweep in fields; `SpecError` where they would lose some of it."""
        table = self.table()
        lost = [f"[{scale}], which is for one scale" for scale in SCALES if scale in table]
        lines = self.text.removeprefix(f"# {RUN_LINE}").split("\n")
        lost += ["comments"] if any("#" in QUOTED.sub("", line) for line in lines) else []
        if lost:
            raise SpecError(f"fields cannot show {lost[0]}: it stays text")
        asked = _experiments(table, self.scale)
        draft = Draft.from_table(table, self.scale, self.data_root, device=self.device, on=self.on)
        if _experiments(draft.table(), self.scale) != asked:
            raise SpecError("fields cannot show all of it: it stays text")
        return draft


class Place(NamedTuple):
    """What a line of a sweep file belongs to."""

    section: str
    """`grid`, `quick.grid`; empty above the first one."""
    key: str
    """The setting that it gives a value; empty where it gives none."""
    depth: int
    """Brackets of the value that are open at its end."""


def _places(lines: Sequence[str]) -> Iterator[Place]:
    section, key, depth = "", "", 0
    for line in lines:
        bare = QUOTED.sub("''", line).partition("#")[0]
        if not depth:
            if header := HEADER.match(line):
                section, key, bare = header[1], "", ""
            else:
                found = KEY.match(line)
                key, bare = (found[1].strip('"'), bare.partition("=")[2]) if found else ("", "")
        depth = max(0, depth + bare.count("[") - bare.count("]"))
        yield Place(section, key, depth)


def _experiments(table: dict[str, Any], scale: str) -> list[Any]:
    """The runs without their names, for which the data would be read."""
    return list(sweeps.expand(*sweeps.settle(table, scale), scale))


# What may come at the cursor


class Offer(NamedTuple):
    """Something that may come."""

    word: str
    text: str
    """As it is written."""
    back: int
    """Characters from the end of that to where one goes on typing."""
    words: str
    """What it means, or what it may hold."""


def offers(text: str, row: int, column: int) -> tuple[str, list[Offer]]:
    """What is typed of a word before the cursor, and all that it may become."""
    lines = text.split("\n")
    line, behind = lines[row][:column], lines[row][column:]
    *before, here = [Place("", "", 0), *_places([*lines[:row], line])]
    if "#" in QUOTED.sub("", line):
        return "", []
    section = re.sub(rf"^({'|'.join(SCALES)})(\.|$)", "", here.section)
    if before[-1].depth or KEY.match(line):
        return _values(section, here, line if before[-1].depth else line.partition("=")[2], behind)
    if header := re.fullmatch(r"\s*\[([\w.]*)", line):
        closing = "" if behind.startswith("]") else "]"
        names = [*sweeps.SECTIONS, *(f"{scale}.{own}" for scale in SCALES for own in sweeps.SECTIONS)]
        return _begun(header[1], [Offer(name, name + closing, 0, "") for name in names])
    if not re.fullmatch(r'\s*"?[\w.-]*', line):
        return "", []
    there = {place.key for place in _places(lines) if place.section == here.section and place.key}
    there -= {line.strip().strip('"')}
    return _begun(line.strip(), [offer for offer in _keys(section) if offer.word not in there])


def _values(section: str, here: Place, line: str, behind: str) -> tuple[str, list[Offer]]:
    """Values of the setting, of which `line` is written already."""
    within = line.count('"') % 2
    typed = re.search(r'("[^"]*)$' if within else r"([\w./:-]*)$", line)[1]
    if (not here.depth and line.removesuffix(typed).strip()) or (not within and line.endswith('"')):
        return "", []
    allowed, known = _allowed(section, here.key)
    listed = (section == "grid" or allowed.startswith(LISTED)) and not here.depth
    found = []
    for word in known:
        if f'"{word}"' in line:
            continue
        written = word if known == ("true", "false") else f'"{word}"'
        if behind.startswith('"'):
            written = written.removesuffix('"')
        found.append(Offer(word, f"[{written}]" if listed else written, int(listed), _meaning(word, here.key)))
    return _begun(typed, found)


def _begun(typed: str, found: Sequence[Offer]) -> tuple[str, list[Offer]]:
    """Those that begin as typed, then those that have it within."""
    plain = typed.strip('"')
    begun = [offer for offer in found if offer.word.startswith(plain)]
    return typed, begun + [offer for offer in found if plain in offer.word and offer not in begun]


@cache
def _keys(section: str) -> tuple[Offer, ...]:
    """The keys of a section; above the first one, the headers of sections as well."""
    names = [name for name in _refused(section, "?", 0).known if "SETTING" not in name and name not in SCALES]
    if section == "grid":
        names += [f"{own}.{name}" for own in sweeps.SWEPT for name in _refused(own, "?", 0).known]
    found = []
    for name in names:
        if not section and name in sweeps.SECTIONS:
            found.append(Offer(name, f"[{name}]", 0, ""))
        else:
            written = f'"{name}" = ' if "." in name else f"{name} = "
            said = glossary.meaning(name.rpartition(".")[2])
            found.append(Offer(name, written, 0, said or _allowed(section, name)[0]))
    return tuple(found)


@cache
def _allowed(section: str, key: str) -> tuple[str, tuple[str, ...]]:
    """What a setting may hold, in words, and the words of a closed list."""
    refused = _refused(section, key, "?")
    said = str(refused).partition("allowed: ")[2]
    if said == "true or false":
        return said, ("true", "false")
    if said.startswith(LISTED):
        return said, _refused(section, key, ["?"]).known
    return said, refused.known


def _refused(section: str, key: str, value: Any) -> SpecError:
    """How the engine refuses a value; an error without words where it does not."""
    own = {key: value}
    grid = {"defense": training_defenses()} | (own if section == "grid" else {})
    table = {"name": "one", "dataset": next(iter(DATASETS)), "grid": grid}
    table |= {} if section == "grid" else {section: own} if section else own
    try:
        _experiments(table, SCALES[0])
    except SpecError as error:
        return error
    return SpecError("")


def _meaning(word: str, key: str) -> str:
    """What a value means; some words are names of several kinds."""
    return glossary.meaning(f"{word} ({key})", word)
