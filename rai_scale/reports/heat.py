"""Tables of numbers over two features, coloured by size and reduced to a readable size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rai_scale.reports.plots import figure, heat_of, signed

CELLS_SHOWN = 12
"""Maximum number of rows and of columns of a table."""


def heat_table(
    left: Sequence[str],
    right: Sequence[str],
    values: Sequence[Sequence[float]],
    middle: float | None = None,
) -> dict[str, Any]:
    """Return the parts of a heat table.

    Parameters
    ----------
    left, right : sequence of str
        Labels of the rows and of the columns.
    values : sequence of sequence of float, shape (len(left), len(right))
    middle : float, optional
        Colours show the difference from this number (from 0 by default, where numbers get a sign).

    Returns
    -------
    dict
        ``columns``; ``rows`` with ``level`` and ``cells``; ``thinned``, whether bins were omitted.
    """
    rows, columns = _thin(len(left)), _thin(len(right))
    center = 0.0 if middle is None else middle
    largest = max((abs(v - center) for row in values for v in row), default=0.0)
    size = max((abs(v) for row in values for v in row), default=0.0)

    def text(value: float) -> str:  # one digit fewer than elsewhere
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
