"""The result of :func:`~rai_scale.risk.differencing_risk`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import plain

COLUMNS = ["table", "other", "kind", "columns", "rows", "hidden", "group"]
KINDS = ("published", "difference", "solved")


@dataclass(frozen=True, repr=False)
class Differencing(Result):
    """Counts of a few rows that follow from published tables.

    Attributes
    ----------
    findings : pandas.DataFrame
        One row per count from 1 to k - 1: ``table`` (whose shown counts were subtracted, or whose
        count it is), ``other`` (what they were subtracted from; ``all`` if several tables were
        needed), ``kind`` (``published``, ``difference`` or ``solved``), ``columns``, ``rows``
        (int64), ``hidden`` (the hidden groups among these rows) and ``group``, the values. Only
        this table has values of groups; the page and ``to_dict`` do not.
    k : int
    tables : int
        Checked tables.
    published, hidden : int
        Their groups, and how many of these have a hidden count.
    unsolved : int
        Hidden counts that were not solved because more than 1,000 depend on each other.
    """

    findings: pd.DataFrame
    k: int
    tables: int
    published: int
    hidden: int
    unsolved: int = 0

    @property
    def by_pair(self) -> pd.DataFrame:
        """Per ``table``, ``other``, ``kind`` and ``columns``: ``findings``, and ``least`` rows."""
        keys = COLUMNS[:4]
        grouped = self.findings.groupby(keys, sort=False)["rows"]
        return grouped.agg(findings="size", least="min").reset_index()

    def totals(self) -> Mapping[str, Any]:
        """Return the numbers of findings, tables and groups."""
        return {
            "findings": len(self.findings),
            "k": self.k,
            "tables": self.tables,
            "groups": self.published,
            "hidden": self.hidden,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as plain values, without values of groups."""
        notes = {"notes": list(self._remarks())}
        numbers = {"metrics": self._numbers(), "by_pair": self.by_pair}
        return plain({**self.totals(), **numbers, **notes})

    def _numbers(self) -> Mapping[str, float]:
        kinds = self.findings["kind"]
        least = self.findings["rows"].min() if len(kinds) else float("nan")
        counts = {kind: float((kinds == kind).sum()) for kind in KINDS}
        return {"findings": float(len(kinds)), **counts, "least": float(least)}

    def _remarks(self) -> Sequence[str]:
        if not self.unsolved:
            return ()
        return [
            f"{self.unsolved:,} hidden counts depend on more than 1,000 others and were not "
            "solved; some may follow from the tables."
        ]

    def _tables(self) -> Tables:
        return {"by_pair": lambda: self.by_pair, "findings": lambda: self.findings}

    def _on_page(self) -> Tables:
        return {name: make for name, make in self._all_tables().items() if name != "findings"}
