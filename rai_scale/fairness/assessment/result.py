"""The result of a fairness assessment, for programs (tables, JSON) and for people (a page)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.measures.group_columns import column_of
from rai_scale.results import Result
from rai_scale.statistics.json_values import plain, records

LIMITS = (
    "Groups that are measured as different need not be treated unfairly, and equal numbers do not "
    "show that they are treated fairly: the numbers say nothing of causes.",
    "Labels are taken as true. Where past decisions or unequal attention made them, their errors "
    "are in every rate that uses labels.",
    "Only the features that were named are looked at; groups that no column describes are not.",
    "Where base rates differ between groups, no model satisfies demographic parity, equalized odds "
    "and equal precision at once (Kleinberg et al. 2016; Chouldechova 2017): which of them "
    "matters is a decision for people.",
    "Intervals cover chance in the choice of rows, not a choice of rows that is itself skewed, "
    "and not what will come later.",
)


@dataclass(frozen=True, repr=False)
class FairnessResult(Result):
    """Measures by group with their comparisons, gates and settings.

    Attributes
    ----------
    title : str
    run : dict
        ``run_id``, ``started`` (ISO 8601), ``engine``, ``status`` (ok or failed), ``seconds``.
    settings : dict
        What was asked for.
    rows : int
    tables : dict of str to pandas.DataFrame
        ``by_group``, ``overall``, ``disparities``, ``flags``, and where they were made
        ``reference``, ``four_fifths``, ``smallest_gaps``, ``worst_groups``, ``drift``. They hold
        names of groups and numbers, never a row of the data.
    gates : list of dict
        ``name``, ``metric``, ``passed``, ``detail`` and what they were judged by.
    notes : list of str
    """

    title: str
    run: dict[str, Any]
    settings: dict[str, Any]
    rows: int
    tables: dict[str, pd.DataFrame]
    gates: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        s = self.summary()
        gates = f", {s['gates_failed']} of {s['gates']} gates fail" if s["gates"] else ""
        return f"FairnessResult({self.title!r}: {s['rows']:,} rows in {s['groups']} groups{gates})"

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values; NaN becomes None."""
        tables = {name: records(table) for name, table in self.tables.items()}
        return {
            "title": self.title,
            "run": self.run,
            "settings": plain(self.settings),
            "summary": self.summary(),
            "gates": plain(self.gates),
            **tables,
            "notes": self.notes,
            "method": {"limits": list(LIMITS)},
        }

    def summary(self) -> dict[str, int]:
        """Return how much was looked at."""
        control = [column_of(name) for name in self.settings["control_features"]]
        groups = self.tables["by_group"].drop_duplicates([*control, "group"])
        small = groups["rows"].between(1, self.settings["small_group"] - 1)
        return {
            "rows": self.rows,
            "groups": int((groups["rows"] > 0).sum() + (groups["hidden"] != "").sum()),
            "groups_small": int((small & (groups["hidden"] == "")).sum()),
            "groups_hidden": int((groups["hidden"] != "").sum()),
            "gates": len(self.gates),
            "gates_failed": sum(not gate["passed"] for gate in self.gates),
        }

    def to_pandas(self, table: str = "by_group") -> pd.DataFrame:
        """Return one of ``tables``."""
        return self.tables[table]

    def to_html(self) -> str:
        """Return a self-contained page."""
        from rai_scale.reports.fairness import render_fairness

        return render_fairness(self.to_dict())

    def metrics(self) -> dict[str, float]:
        """Return overall values and disparities by name; with control features the worst level's.

        Values that are not known, at any level, are left out.
        """
        found: dict[str, float] = {}
        table = self.tables["disparities"]
        for name, part in table.groupby("disparity", sort=False):
            values = part["value"].to_numpy()  # one that is not known leaves the worst unknown
            least = str(name).endswith(("_ratio", "_group_min"))
            found[str(name)] = float(np.min(values) if least else np.max(values))
        if not self.settings["control_features"]:
            overall = self.tables["overall"]
            found |= {f"{m}_overall": float(v) for m, v in overall[["metric", "value"]].to_numpy()}
        return {name: value for name, value in found.items() if np.isfinite(value)}
