"""Limits on the work for one text: a text whose cost grows with the square of its length fails.

The limits count characters and findings, not time, so the same texts fail on every engine.
"""

from __future__ import annotations

import re

SPLITTING = 3_000_000_000
"""Maximum number of steps of spaCy's tokenizer for one text; at 10 ns each, half a minute."""
_SHORT = 5_000
"""A text with this many characters or fewer cannot exceed the limits."""
_RUN = re.compile(r"\S+")
_ENDS = re.compile(r"[\W_]*")
_AT_THE_END = 20
"""Cost per character: the tokenizer strips each sign at an end, and examines the rest again."""


class TextTooLong(Exception):
    """A text is longer than spaCy accepts."""


class UnbrokenText(Exception):
    """A run of characters without a space is too long to be split into words in reasonable time."""


class RegexTimeout(Exception):
    """A pattern timed out; Presidio itself would only log a warning and skip it."""


def check_unbroken(text: str) -> None:
    """Raise :class:`UnbrokenText` if spaCy's tokenizer, quadratic in a run, would take too long."""
    if len(text) <= _SHORT:
        return
    work = 0
    for run in (found[0] for found in _RUN.finditer(text)):
        ends = len(_ENDS.match(run)[0]) + len(_ENDS.match(run[::-1])[0])  # type: ignore[index]
        # its pattern for URLs starts again at each colon
        work += len(run) * (run.count(":") + _AT_THE_END * ends)
    if work > SPLITTING:
        raise UnbrokenText
