"""Pictures for a terminal: PGM and PPM files read, averaged to size, and drawn with half blocks or with characters."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import mul
from pathlib import Path

from explorer.results.lines import Line

_GAP = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P([56])" + _GAP + rb"(\d{1,5})" + _GAP + rb"(\d{1,5})" + _GAP + rb"255\s")
BYTES = 2**24
"""Longest file that is believed to be a picture."""
KEPT = 48
"""Pixels of the longer side, to twice as many, that are kept of a picture: no terminal is shown more."""
RAMP = " .:-=+*#%@"
"""Characters from dark to bright."""
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Picture:
    """A grey picture or one in colour."""

    width: int
    height: int
    levels: bytes
    """0 to 255, row by row; of a colour picture red, green and blue of each pixel."""

    @property
    def channels(self) -> int:
        """1 or 3."""
        return len(self.levels) // (self.width * self.height)

    def pixel(self, x: int, y: int) -> bytes:
        """A pixel's channels."""
        start = (y * self.width + x) * self.channels
        return self.levels[start : start + self.channels]


def read(path: Path) -> Picture | None:
    """The picture in a file, averaged down where it is large; None where there is none to be read."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(BYTES + 1)
    except OSError:
        return None
    found = parse(data) if len(data) <= BYTES else None
    if found is None:
        return None
    factor = max(1, max(found.width, found.height) // KEPT)
    return resized(found, max(1, found.width // factor), max(1, found.height // factor))


def parse(data: bytes) -> Picture | None:
    """The picture in the bytes of a binary PGM or PPM file of 8 bits a channel; None for anything else."""
    header = _HEADER.match(data)
    if header is None:
        return None
    kind, width, height = (int(group) for group in header.groups())
    length = width * height * (1 if kind == 5 else 3)
    levels = data[header.end() : header.end() + length]
    return Picture(width, height, levels) if length and len(levels) == length else None


# Sizes


def fitted(picture: Picture, width: int, height: int) -> Picture:
    """As large as so many pixels hold, the sides in proportion; enlarged only by whole numbers, which blur nothing."""
    scale = min(width / picture.width, height / picture.height)
    scale = int(scale) if scale >= 1 else scale
    return resized(picture, max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))


def resized(picture: Picture, width: int, height: int) -> Picture:
    """The picture in so many pixels, each the mean of the area that it stands for."""
    if (width, height) == (picture.width, picture.height):
        return picture
    channels, stride = picture.channels, picture.width * picture.channels
    rows = [picture.levels[start : start + stride] for start in range(0, len(picture.levels), stride)]
    tall = [_mean(rows, shares) for shares in _shares(picture.height, height)]
    across = list(_shares(picture.width, width))
    levels = bytearray()
    for row in tall:
        pixels = [row[start : start + channels] for start in range(0, stride, channels)]
        for shares in across:
            levels += bytes(round(value) for value in _mean(pixels, shares))
    return Picture(width, height, bytes(levels))


def _shares(old: int, new: int) -> Iterator[list[tuple[int, float]]]:
    """For each of the new pixels in a line, which of the old ones it covers, with weights that sum to one."""
    for place in range(new):
        # Counted in parts of an old pixel, `new` to each, so that all of this is exact.
        first, last = place * old, (place + 1) * old
        covered = range(first // new, -(-last // new))
        yield [(index, (min(last, (index + 1) * new) - max(first, index * new)) / old) for index in covered]


def _mean(lines: Sequence[Sequence[float]], shares: Sequence[tuple[int, float]]) -> Sequence[float]:
    if len(shares) == 1:
        return lines[shares[0][0]]
    weights = [weight for _, weight in shares]
    columns = zip(*(lines[index] for index, _ in shares), strict=True)
    return [sum(map(mul, weights, column)) for column in columns]


# Lines


@lru_cache(64)
def drawn(picture: Picture, width: int, height: int, plain: bool = False, bright_paper: bool = False) -> list[Line]:
    """The picture in at most so many cells: two pixels in each of them, one above the other.

    plain: in characters without colours. bright_paper: the terminal writes dark on bright, so blanks are bright.
    """
    small = fitted(picture, width, 2 * height)
    ramp = RAMP[::-1] if bright_paper else RAMP
    return [_characters(small, y, ramp) if plain else _blocks(small, y) for y in range(0, small.height, 2)]


def _blocks(picture: Picture, y: int) -> Line:
    """Two rows of pixels as upper half blocks, their colours those of the upper and of the lower pixel."""
    two = y + 1 < picture.height
    tones = [
        f"{_colour(picture.pixel(x, y))} on {_colour(picture.pixel(x, y + 1))}" if two else _colour(picture.pixel(x, y))
        for x in range(picture.width)
    ]
    return tuple(("▀" * len(list(same)), tone) for tone, same in groupby(tones))


def _characters(picture: Picture, y: int, ramp: str) -> Line:
    """Two rows of pixels as characters as bright as both are together."""
    rows = [row for row in (y, y + 1) if row < picture.height]
    greys = [sum(_grey(picture.pixel(x, row)) for row in rows) / len(rows) for x in range(picture.width)]
    return (("".join(ramp[min(len(ramp) - 1, int(grey / 256 * len(ramp)))] for grey in greys), ""),)


def _colour(pixel: bytes) -> str:
    return "#" + (pixel.hex() if len(pixel) == 3 else pixel.hex() * 3)


def _grey(pixel: bytes) -> float:
    return sum(share * level for share, level in zip(_LUMA, pixel, strict=True)) if len(pixel) == 3 else pixel[0]
