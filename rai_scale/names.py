"""Names of columns, as callers give them."""

from __future__ import annotations

from collections.abc import Iterable

Names = str | Iterable[str]
"""A column, or several."""


def names_of(given: Names | None) -> list[str]:
    """Return the names as a list; one name may stand alone, and ``None`` is no name."""
    if given is None:
        return []
    return [given] if isinstance(given, str) else list(given)
