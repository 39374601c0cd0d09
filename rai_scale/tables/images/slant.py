"""Slanted pages: by how much lines of text are turned, and the way back to the page."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from rai_scale.tables.images.tesseract import Word

if TYPE_CHECKING:
    from PIL.Image import Image

_MOST = 15
_SEEN = 700
_CLEARER = 1.3
_WORDS = 4
"""Words of a line that is long enough to have a slope."""


def slant_of(ink: np.ndarray) -> float:
    """Return by how many degrees a page must be turned counter-clockwise, 0 if that is not clear.

    ``ink`` is that of :func:`ink_of`. Of the angles up to 15 degrees, the one at which dark and
    empty rows differ most: then lines of text lie along the rows.
    """
    from PIL import Image

    page = Image.fromarray(ink.astype("uint8") * 255)

    def clearness(angle: float) -> float:
        rows = np.asarray(page.rotate(angle), dtype=float).sum(axis=1)
        return float(np.square(np.diff(rows)).sum())

    best = max(range(-_MOST, _MOST + 1), key=clearness)
    fine = max((best + step / 4 for step in range(-3, 4)), key=clearness)
    return fine if clearness(fine) > _CLEARER * clearness(0) else 0.0


def tilt_of(words: Sequence[Word]) -> float:
    """Return by how many degrees lines of words rise or fall: the median over all longer lines.

    OCR follows a slanted line, and reads some of its letters wrongly with high confidence.
    """
    lines: dict[tuple[int, int, int], list[tuple[float, float]]] = defaultdict(list)
    for word in words:
        middle = (word.left + word.width / 2, word.top + word.height / 2)
        lines[word.line].append(middle)
    tilts = []
    for line in lines.values():
        (left, top), (right, bottom) = min(line), max(line)
        if len(line) >= _WORDS and right > left:
            tilts.append(math.degrees(math.atan2(bottom - top, right - left)))
    return abs(median(tilts)) if tilts else 0.0


def ink_of(gray: Image) -> np.ndarray:
    """Return which pixels of a page, at most 700 wide and high, differ from its paper."""
    small = gray.copy()
    small.thumbnail((_SEEN, _SEEN))
    shades = np.asarray(small, dtype=float)
    return np.asarray(np.abs(shades - np.median(shades)) > shades.std())


def upright_page(gray: Image, slant: float, paper: int) -> Image:
    """Return a slanted page turned by :func:`slant_of`, with ``paper`` in its corners."""
    from PIL import Image

    how = Image.Resampling.BICUBIC
    return gray.rotate(slant, resample=how, expand=True, fillcolor=paper)


def turned_back(word: Word, angle: float, turned: Image, page: Image) -> Word:
    """Return a word of a page that was turned, with the box around it on the page itself."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    points = []
    for x in (word.left, word.left + word.width):
        for y in (word.top, word.top + word.height):
            dx, dy = x - turned.width / 2, y - turned.height / 2
            points.append(
                (dx * cos - dy * sin + page.width / 2, dx * sin + dy * cos + page.height / 2)
            )
    left, top = (math.floor(min(point[axis] for point in points)) for axis in (0, 1))
    right, bottom = (math.ceil(max(point[axis] for point in points)) for axis in (0, 1))
    return replace(word, left=left, top=top, width=right - left, height=bottom - top)
