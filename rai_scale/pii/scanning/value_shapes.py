"""Masked samples: the shape of a value, from which the value cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

SHAPE = "#shape "
"""Beginning of the keys under which shapes are counted."""
_LONGEST = 40


def shape_of(text: str) -> str:
    """Return a text with ``A`` or ``a`` for each letter and ``9`` for each digit.

    Other characters stay if they are ASCII punctuation or spaces, and become ``?`` otherwise. Only
    the first 40 characters are used.
    """
    shape = "".join(map(_mask, text[:_LONGEST]))
    return shape + ("…" if len(text) > _LONGEST else "")


def _mask(letter: str) -> str:
    if letter.isalpha():
        return "A" if letter.isupper() else "a"
    if letter.isnumeric():
        return "9"
    return letter if letter.isascii() and letter.isprintable() else "?"


def counted_shapes(texts: Iterable[str]) -> Counter[str]:
    """Return how many texts have each shape, by keys of counts."""
    return Counter(SHAPE + shape_of(text) for text in texts)


def most_frequent(counts: Mapping[str, tuple[int, float]], samples: int) -> tuple[str, ...]:
    """Return the most frequent shapes, ties in the order of their characters."""
    found = [(-n, key.removeprefix(SHAPE)) for key, (n, _) in counts.items() if SHAPE in key[:7]]
    return tuple(shape for _, shape in sorted(found)[:samples])
