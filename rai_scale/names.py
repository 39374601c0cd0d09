"""Names of columns, one or several."""

from __future__ import annotations

from collections.abc import Iterable

Names = str | Iterable[str]
"""One column name, or several."""


def names_of(given: Names | None) -> list[str]:
    """Return the names as a list: of one name for a single name, empty for None."""
    if given is None:
        return []
    return [given] if isinstance(given, str) else list(given)
