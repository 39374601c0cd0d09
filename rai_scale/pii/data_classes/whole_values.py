"""What the form of a whole value says against the recognizers, or in addition to them."""

from __future__ import annotations

import re

from rai_scale.pii.data_classes.values import SURE

_RUNNING = re.compile(r"(?:19|20)\d\d[-/]\d{4,8}")
_GERMAN = (
    r"(?:[^\W\d_][\w.-]* ){0,3}[^\W\d_][\w-]*(?:stra(?:ss|\xdf)e|str\.|allee|gasse|weg)"
    r" \d{1,4} ?[a-z]?(?:,.*| \d{5} .*)?"
)
_FRENCH = (
    r"\d{1,4}(?: ?(?:bis|ter|[a-d]))?,? "
    r"(?:rue|avenue|av\.|boulevard|bd\.?|chemin|impasse|all\xe9e|quai|route) [^\W\d_].*"
)
_STREET = re.compile(f"{_GERMAN}|{_FRENCH}", re.IGNORECASE)
_LONGEST = 120


def confirmed(text: str) -> dict[str, float]:
    """Return the types that the form of a value alone shows, with their scores.

    Street and number in German or French; a language model for English takes few of them for
    places.
    """
    text = text.strip()
    return {"LOCATION": SURE} if len(text) <= _LONGEST and _STREET.fullmatch(text) else {}


def contradicted(text: str, entity: str) -> bool:
    """Return whether a value has a form that the type does not have.

    A year with a running number (``2026-004512``), as on orders and invoices, has as many digits as
    a telephone number.
    """
    return entity == "PHONE_NUMBER" and _RUNNING.fullmatch(text.strip()) is not None
