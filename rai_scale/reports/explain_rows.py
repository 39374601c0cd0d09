"""The sections of single rows: each feature's contribution to the prediction, as signed bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rai_scale.reports.plots import figure, largest_of, signed, signed_bar
from rai_scale.reports.whiskers import axis_over

Record = Mapping[str, Any]

PARTS_SHOWN = 12
"""Maximum number of bars of a row; the other contributions are added up in one bar."""


def row_view(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """Return one section per row: the largest contributions first, on a scale of its own."""
    return [_section(row, number) for number, row in enumerate(rows, 1)]


def _section(row: Record, number: int) -> dict[str, Any]:
    parts = sorted(row["parts"], key=lambda part: -abs(part["value"] or 0))
    shown, rest = parts[:PARTS_SHOWN], parts[PARTS_SHOWN:]
    if rest:
        total = sum(part["value"] for part in rest)
        shown = [*shown, {"feature": f"{len(rest)} other features", "shown": "", "value": total}]
    largest = largest_of(shown, "value")
    numbers = largest_of([row], "prediction", "base_value")
    ends = [part["value"] + side * (part.get("error") or 0) for part in shown for side in (-1, 1)]
    axis = axis_over([0.0, *ends])
    return {
        **row,
        "anchor": f"row-{number}",
        "axis": axis,
        "prediction_text": figure(row["prediction"], numbers),
        "base_text": figure(row["base_value"], numbers),
        "parts": [
            {
                **part,
                "text": signed(part["value"], largest),
                "error_text": figure(part["error"], largest) if part.get("error") else "",
                "bar": signed_bar(axis, part["value"], part.get("error")),
            }
            for part in shown
        ],
    }
