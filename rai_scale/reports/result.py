"""The default page of a result: its checks, notes and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from rai_scale.reports.html import render

SHOWN = 60
"""Maximum number of rows of a table on the page; the tables of the result have all rows."""
TINY, LARGE = 1e-4, 1e6


def render_result(
    title: str,
    sizes: str,
    tables: Mapping[str, pd.DataFrame],
    *,
    gates: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return the HTML page of a result.

    Parameters
    ----------
    title, sizes : str
        Heading, and a line on the size of the result.
    tables : mapping of str to DataFrame
        The tables by name, without empty tables.
    gates : sequence of mapping
        Checks with ``name``, ``passed`` and ``detail``.
    notes : sequence of str
    """
    report = {"title": title, "sizes": sizes, "gates": list(gates), "notes": list(notes)}
    shown = [_table(name, table) for name, table in tables.items() if len(table)]
    return render("result.html.j2", report, tables=shown)


def _table(name: str, table: pd.DataFrame) -> dict[str, Any]:
    rows = table.head(SHOWN).itertuples(index=False, name=None)
    return {
        "name": name.replace("_", " "),
        "columns": [(str(name), _is_number(table[name])) for name in table.columns],
        "rows": [[_cell(value) for value in row] for row in rows],
        "left": max(0, len(table) - SHOWN),
    }


def _is_number(column: pd.Series) -> bool:
    known = column.dropna()
    return bool(len(known)) and all(_cell(value)[1] for value in known.head(SHOWN))


def _cell(value: Any) -> tuple[str, bool]:
    """Return a table cell as text, and whether it is a number."""
    if value is None or value is pd.NaT or value is pd.NA:
        return "", False
    if isinstance(value, bool | str) or not pd.api.types.is_number(value):
        return str(value), False
    if pd.isna(value):
        return "undefined", True
    if float(value).is_integer():
        return f"{value:,.0f}", True
    return f"{value:.4g}" if not TINY <= abs(value) < LARGE else f"{value:,.4f}", True
