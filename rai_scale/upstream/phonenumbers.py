"""The private characters of which ``phonenumbers`` says that a number can hold them."""

from __future__ import annotations

import re
from functools import cache


@cache
def stretches() -> re.Pattern[str]:
    """Return a pattern of longest stretches of a text; all numbers lie within one of them.

    An extension such as ``ext. 12`` may go on behind it: its digits are not the number's.
    """
    from phonenumbers.phonenumberutil import _PLUS_CHARS, _VALID_PUNCTUATION

    return re.compile(rf"[{_VALID_PUNCTUATION}\d{_PLUS_CHARS}()\[\]（）［］]+")
