"""The result of a fairness assessment, as tables, JSON and a page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.fairness.assessment.gate_checks import figures_of
from rai_scale.fairness.assessment.run_drift import Run, drift
from rai_scale.gates import Figure
from rai_scale.measures.group_columns import column_of
from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import plain, records

LIMITS = (
    "Measured differences do not prove that groups are treated unfairly, and equal numbers do not "
    "prove that they are treated fairly: the numbers do not show causes.",
    "Labels are assumed to be correct. If they come from past decisions or unequal attention, "
    "every rate that uses them contains their errors.",
    "Only the given features were examined, not groups that no column describes.",
    "If base rates differ between groups, no model satisfies demographic parity, equalized odds "
    "and equal precision at once (Kleinberg et al. 2016; Chouldechova 2017): which of them "
    "matters is a decision for people.",
    "Intervals account for random sampling of rows, but not for a biased sample or for changes in "
    "the future.",
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
        ``reference``, ``four_fifths``, ``smallest_gaps``, ``worst_groups``, ``drift``. They contain
        names of groups and numbers, never a row of the data.
    checked : list of dict
        The gates: ``name``, ``metric``, ``passed``, ``detail``, and the value or bound that was
        compared.
    notes : list of str
    """

    title: str
    run: dict[str, Any]
    settings: dict[str, Any]
    rows: int
    tables: dict[str, pd.DataFrame]
    checked: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values; NaN becomes None."""
        tables = {name: records(table) for name, table in self.tables.items()}
        return {
            "title": self.title,
            "run": self.run,
            "settings": plain(self.settings),
            "summary": self.totals(),
            "gates": plain(self.checked),
            **tables,
            "notes": self.notes,
            "method": {"limits": list(LIMITS)},
        }

    def totals(self) -> dict[str, int]:
        """Return the size of the assessment."""
        control = [column_of(name) for name in self.settings["control_features"]]
        groups = self.tables["by_group"].drop_duplicates([*control, "group"])
        small = groups["rows"].between(1, self.settings["small_group"] - 1)
        return {
            "rows": self.rows,
            "groups": int((groups["rows"] > 0).sum() + (groups["hidden"] != "").sum()),
            "groups_small": int((small & (groups["hidden"] == "")).sum()),
            "groups_hidden": int((groups["hidden"] != "").sum()),
            "gates": len(self.checked),
            "gates_failed": sum(not gate["passed"] for gate in self.checked),
        }

    def compare_with(self, earlier: Run) -> FairnessResult:
        """Return this result with the table ``drift``: what has changed since an earlier run.

        Parameters
        ----------
        earlier : path of a ``fairness.json``, dict, FairnessResult or CountedMetricFrame
            A run over the same features; see :func:`rai_scale.fairness.drift`.

        Raises
        ------
        ConfigError
            If it is not such a run, or if its features or positive label differ.
        """
        changes = drift(earlier, self, confidence=self.settings["confidence"])
        return replace(self, tables={**self.tables, "drift": changes})

    def to_html(self, title: str | None = None) -> str:
        """Return a self-contained page, with ``title`` if it is given."""
        from rai_scale.reports.fairness import render_fairness

        return render_fairness({**self.to_dict(), "title": title or self.title})

    def save_html(self, path: str | Path, title: str | None = None) -> Path:
        """Write the page to a file, atomically; see :meth:`to_html`."""
        from rai_scale.reports.html import save_html

        return save_html(self.to_html(title), path)

    def _tables(self) -> Tables:
        return {name: partial(self.tables.__getitem__, name) for name in self.tables}

    def _checked(self) -> list[dict[str, Any]]:
        return self.checked

    def _remarks(self) -> list[str]:
        return self.notes

    def _figures(self) -> dict[str, list[Figure]]:
        control = self.settings["control_features"]
        found = figures_of(self.tables["disparities"], "disparity", map(column_of, control))
        if not control:
            overall = figures_of(self.tables["overall"], "metric")
            found |= {f"{name}_overall": figures for name, figures in overall.items()}
        return found

    def _numbers(self) -> dict[str, float]:
        """Return the worst level's value; unknown if the value of any level is unknown."""
        found = {}
        for name, figures in self._figures().items():
            values = [figure.value for figure in figures]
            least = name.endswith(("_ratio", "_group_min"))
            found[name] = float(np.min(values) if least else np.max(values))
        return found
