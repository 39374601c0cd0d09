"""Names of columns, one or several, and how SQL and messages show them."""

from __future__ import annotations

import re
from collections.abc import Iterable

Names = str | Iterable[str]
"""One column name, or several."""


def names_of(given: Names | None) -> list[str]:
    """Return the names as a list: of one name for a single name, empty for None."""
    if given is None:
        return []
    return [given] if isinstance(given, str) else list(given)


def quoted(name: str, mark: str = '"') -> str:
    """Return a name as an identifier of SQL, within quotation marks (Spark's are back-ticks)."""
    return mark + name.replace(mark, mark * 2) + mark


_PERSONAL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}|^[\s().+/-]*(\d[\s().+/-]*){7,}$")


def looks_personal(name: str) -> bool:
    """Return whether the name of a column or field is itself an e-mail address or long number."""
    return _PERSONAL.search(name) is not None


def shown_names(names: Iterable[str]) -> list[str]:
    """Return names for a message: the position replaces a name that looks like personal data."""
    return [f"column_{i}" if looks_personal(name) else name for i, name in enumerate(names, 1)]
