"""The private parser of Python's ``re``, and the names of what it returns."""

from __future__ import annotations

from re import _constants as kinds  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

__all__ = ["kinds", "parsed"]


def parsed(expression: str, flags: int) -> Any:
    """Return the syntax tree of an expression: pairs of a kind and its content."""
    return _parser.parse(expression, flags)
