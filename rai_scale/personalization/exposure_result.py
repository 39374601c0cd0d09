"""The result of :func:`~rai_scale.personalization.audit_exposure`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rai_scale.gates import Figure
from rai_scale.results import Result, Tables

_HIGHEST = ("gini", "hhi")
_LOWEST = ("coverage", "diversity", "exposure_parity", "relevance_parity", "exploration_share")


@dataclass(frozen=True, repr=False)
class Exposure(Result):
    """Who sees what.

    In all tables ``by`` is a group column (empty for all rows), ``group`` its value as text, and
    ``period`` a text (empty for all periods).

    Attributes
    ----------
    groups : pandas.DataFrame
        Per group and period: ``rows``, ``people``, ``exposure``, ``items``, ``gini``, ``hhi``,
        ``entropy`` (nats), ``coverage`` (items shown divided by the catalogue),
        ``exposure_parity`` and ``relevance_parity`` (see :func:`audit_exposure`), ``diversity``
        within lists, ``person_entropy`` and ``drift`` of people's categories,
        ``exploration_share``, ``exploration_reach``, and ``quality`` with ``low`` and ``high``.
    categories : pandas.DataFrame
        Per group, period and category: ``rows``, ``share`` with ``low`` and ``high``, ``people``,
        ``never_shown`` (share of the group's people who never saw it), ``exposure``,
        ``exposure_share``, ``relevance`` and ``exposure_per_relevance``.
    items : pandas.DataFrame
        Per group and item, over all periods: ``rows``, ``people``, ``never_shown``, ``exposure``.
    loops : pandas.DataFrame
        Per group and category: ``first_share``, ``last_share``, ``slope`` and ``other_slope`` (per
        period), ``z``, ``p_value``, ``p_adjusted``, ``loses`` (bool) and ``since`` (the period from
        which the share differs most from before).
    notes : tuple of str
    """

    groups: pd.DataFrame
    categories: pd.DataFrame
    items: pd.DataFrame
    loops: pd.DataFrame
    notes: tuple[str, ...] = ()

    def totals(self) -> Mapping[str, Any]:
        """Return the numbers of rows, people and items, and of loops that were found."""
        first = self.groups[(self.groups["by"] == "") & (self.groups["period"] == "")].iloc[0]
        sizes = {name: int(first[name]) for name in ("rows", "people", "items")}
        return {**sizes, "loops": int(self.loops["loses"].sum())}

    def _numbers(self) -> Mapping[str, float]:
        return {
            name: min(figures, key=lambda f: (math.isnan(f.value), f.value)).value
            if name in (*_LOWEST, "quality", "quality_ratio")
            else max(figures, key=lambda f: (not math.isnan(f.value), f.value)).value
            for name, figures in self._figures().items()
        }

    def _figures(self) -> Mapping[str, Sequence[Figure]]:
        whole = self.groups[self.groups["period"] == ""]
        found: dict[str, list[Figure]] = {"loops": [Figure(float(self.loops["loses"].sum()))]}
        for name in (*_HIGHEST, *_LOWEST, "quality"):
            if not whole[name].notna().any():
                continue
            ended = name == "quality"
            found[name] = [
                Figure(
                    float(row[name]),
                    row["low"] if ended else math.nan,
                    row["high"] if ended else math.nan,
                    at=f"{row['by']}={row['group']}" if row["by"] else "",
                )
                for row in whole.to_dict("records")
                if not math.isnan(row[name])
            ]
        named = self.categories[(self.categories["period"] == "") & (self.categories["by"] != "")]
        found["never_shown"] = [
            Figure(float(row["never_shown"]), at=f"{row['by']}={row['group']}, {row['category']}")
            for row in named.to_dict("records")
        ]
        return {name: figures for name, figures in found.items() if figures}

    def _remarks(self) -> Sequence[str]:
        return self.notes

    def _tables(self) -> Tables:
        return {
            "groups": lambda: self.groups,
            "categories": lambda: self.categories,
            "loops": lambda: self.loops,
            "items": lambda: self.items,
        }
