"""Parts of SQL that several statements about risk have."""

from __future__ import annotations

PEOPLE = "CAST(count(DISTINCT p) + max(CASE WHEN p IS NULL THEN 1 ELSE 0 END) AS BIGINT)"
"""People without an identifier may all be one person: they count as one."""
PER_CLASS = ("nc", "d", "top", "nlogn", "up", "down", "beyond", "rarest")
"""What is computed of each class before its people are counted."""


def count(sql: str) -> str:
    """Return an expression as a 64-bit integer."""
    return f"CAST({sql} AS BIGINT)"


def double(sql: str) -> str:
    """Return an expression as a float64."""
    return f"CAST({sql} AS DOUBLE)"


def odd_text(name: str, spark: bool) -> str:
    """Return 1 for a text with spaces around it or with combining characters, else 0."""
    marks = f"'[{chr(0x300)}-{chr(0x36F)}]'"
    combining = f"{name} RLIKE {marks}" if spark else f"regexp_matches({name}, {marks})"
    return f"CASE WHEN {name} <> trim({name}) OR {combining} THEN 1 ELSE 0 END"
