"""Names of groups and of the columns that hold their levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


OWN_COLUMNS = frozenset(
    {
        *("group", "group_a", "group_b", "metric", "metrics", "value", "rows", "successes"),
        *("trials", "flags", "flag", "low", "high", "interval", "bound", "hidden", "disparity"),
        *("reference", "difference", "ratio", "z", "p_value", "p_holm", "status", "previous"),
        *("current", "change", "below", "selected", "selection_rate"),
    }
)


def column_of(feature: str) -> str:
    """Return the column of a feature in tables with further columns: prefixed by ``group_``."""
    return f"{feature}_" if feature in OWN_COLUMNS else feature


def group_label(levels: object) -> str:
    """Return a group as text: its levels, joined by commas."""
    return ", ".join(map(str, levels)) if isinstance(levels, tuple) else str(levels)
