"""Tables of numbers over two features, coloured by size and thinned to what can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rai_scale.reports.plots import figure, heat_of, signed

CELLS_SHOWN = 12
"""Rows and columns of a table at most."""


def heat_table(
    left: Sequence[str],
    right: Sequence[str],
    values: Sequence[Sequence[float]],
    middle: float | None = None,
) -> dict[str, Any]:
    """Return ``columns``, ``rows`` of ``level`` and ``cells``, and whether bins were left out.

    With a ``middle``, colours are of the distance from it, and numbers have no sign of their own.
    """
    rows, columns = _thin(len(left)), _thin(len(right))
    center = 0.0 if middle is None else middle
    largest = max((abs(v - center) for row in values for v in row), default=0.0)
    size = max((abs(v) for row in values for v in row), default=0.0)

    def text(value: float) -> str:  # one digit less than elsewhere
        return signed(value, size * 10) if middle is None else figure(value, size * 10)

    return {
        "columns": [right[j] for j in columns],
        "rows": [
            {
                "level": left[i],
                "cells": [
                    {
                        "text": text(values[i][j]),
                        "heat": heat_of(values[i][j] - center, largest),
                        "down": values[i][j] < center,
                    }
                    for j in columns
                ],
            }
            for i in rows
        ],
        "thinned": len(left) > len(rows) or len(right) > len(columns),
    }


def _thin(count: int) -> list[int]:
    if count <= CELLS_SHOWN:
        return list(range(count))
    return sorted({round(i * (count - 1) / (CELLS_SHOWN - 1)) for i in range(CELLS_SHOWN)})
