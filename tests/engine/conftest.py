"""Strange content for whatever reads a stranger's files."""

import copy
import functools
import operator
import random

import pytest

NESTED = functools.reduce(lambda inner, _: [inner], range(200), 0)
STRANGE = (
    *(None, True, False, "", "x", [], {}, [[]], {"": None}, NESTED, [1, "x", None], {"steps": 1}),
    *(0, -1, 2**31, 2**63, -(2**63) - 1, 2**64, 10**400, 16**4000, -0.5, 1e300, -1e300),
    *(float("nan"), float("inf"), -float("inf")),
    *("\0", "\x1b]0;pwned\x07", "\x9b2J", "a\nb", "\ud800", "caf\udce9", "=1+1", "9" * 5000, "x" * 10_000),
    *(
        "1/0",
        "1e999999999/3",
        "1e400/1",
        "9" * 400 + "/1",
        "folder:",
        "folder:\0",
        "~nobody-here/x",
        "/dev/zero",
        "a:b",
    ),
    *("1 * capacity^999", "9" * 5000 + " * capacity", "nan", "inf"),
)


def places(content, path=()):
    """The path of every value in nested mappings and lists."""
    entries = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in entries:
        yield (*path, key)
        yield from places(value, (*path, key))


def mutated(content, chance: random.Random):
    """A copy of nested mappings and lists in which one to three values are strange, gone, doubled or elsewhere."""
    changed = copy.deepcopy(content)
    for _ in range(chance.randint(1, 3)):
        found = list(places(changed))
        if not found:
            return changed
        *path, key = chance.choice(found)
        parent = functools.reduce(operator.getitem, path, changed)
        what = chance.choice(("strange", "strange", "strange", "gone", "more", "elsewhere"))
        if what == "gone":
            del parent[key]
        elif what == "more" and isinstance(parent, dict):
            parent[chance.choice(("more", "\x1b[2J", "steps", "grid", ""))] = copy.deepcopy(chance.choice(STRANGE))
        elif what == "more":
            parent.append(copy.deepcopy(parent[key]))
        else:
            *other, last = chance.choice(found)
            try:
                value = functools.reduce(operator.getitem, (*other, last), changed)
            except (KeyError, IndexError, TypeError):
                value = None
            parent[key] = copy.deepcopy(chance.choice(STRANGE) if what == "strange" else value)
    return changed


@pytest.fixture(name="mutated")
def _mutated():
    """A function that makes content strange: `mutated(content, random.Random(seed))`."""
    return mutated
