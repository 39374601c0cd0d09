"""What one text may cost: work that grows with the square of its length is set aside.

The limits count characters and findings and no time, so that the same texts fail on every engine.
"""

from __future__ import annotations

import re

SPLITTING = 3_000_000_000
"""Steps of spaCy's tokenizer that a text may take, of about 10 ns: half a minute."""
_SHORT = 5_000
"""No text of so few characters can be over the limits."""
_RUN = re.compile(r"\S+")
_ENDS = re.compile(r"[\W_]*")
_AT_THE_END = 20
"""Each sign at an end of a run is taken off by itself, and the rest looked at again."""


class TextTooLong(Exception):
    """A text is longer than spaCy takes."""


class UnbrokenText(Exception):
    """So long a stretch without a space, so full of signs, that to find its words takes hours."""


class TooManyFindings(Exception):
    """So many findings in so long a text that to look at the words around each takes hours."""


class RegexTimeout(Exception):
    """A pattern did not end in time; Presidio alone would skip it with a warning."""


def check_unbroken(text: str) -> None:
    """Raise :class:`UnbrokenText` where spaCy's tokenizer, quadratic in runs, would not end."""
    if len(text) <= _SHORT:
        return
    work = 0
    for run in (found[0] for found in _RUN.finditer(text)):
        ends = len(_ENDS.match(run)[0]) + len(_ENDS.match(run[::-1])[0])  # type: ignore[index]
        # at each colon its pattern of an address begins anew
        work += len(run) * (run.count(":") + _AT_THE_END * ends)
    if work > SPLITTING:
        raise UnbrokenText


def check_findings(findings: int, text: str, allowed: int) -> None:
    """Raise :class:`TooManyFindings` where Presidio would look at all words for each finding."""
    if findings * len(text) > allowed:
        raise TooManyFindings
