"""The result of a balance run, as tables, JSON and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.fairness.data_balance.registry import REGISTRY
from rai_scale.gates import Figure
from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import records

HEADLINES = {
    "feature_balance": ("dp",),
    "distribution_balance": ("total_variation_dist",),
    "aggregate_balance": ("theil_t_index",),
    "pre_training": ("CI", "DPL", "CDD"),
    "post_training": ("DPPL", "DI", "RD", "SD", "AD", "CDDPL"),
    "overall": ("GE",),
}
"""The headline measures of a run: the worst of all groups, without a sign."""

TITLE = "Balance between groups"


def headlines(features: Sequence[str]) -> list[str]:
    """Return the names of the metrics that a run over these sensitive features can have."""
    families = [family for family in HEADLINES if family != "overall"]
    places: list[tuple[str | None, list[str]]] = [(name, families) for name in features]
    places += [(" x ".join(features), ["aggregate_balance"])] if len(features) > 1 else []
    return [
        _headline(family, feature, measure)
        for feature, families in [*places, (None, ["overall"])]
        for family in families
        for measure in HEADLINES[family]
    ]


def _headline(family: str, feature: str | None, measure: str) -> str:
    prefix = "min_" if measure == "DI" else ""
    if REGISTRY[family][measure].low < 0:
        prefix = "max_abs_"
    return f"{prefix}{measure}" if feature is None else f"{feature}.{prefix}{measure}"


@dataclass(frozen=True, repr=False)
class BalanceResult(Result):
    """All measures of one run.

    Attributes
    ----------
    measures : pandas.DataFrame
        One row per measure: ``family``, ``feature`` (None for all rows together; ``a x b`` for
        combinations), ``outcome`` (label, prediction, score, a benefit, or None), ``group``,
        ``versus`` (None: all other rows), ``measure``, ``value`` (float64; NaN is undefined).
    groups : pandas.DataFrame
        One row per group: ``feature``, ``group``, ``rows``, ``share``, ``small``, and rates.
    counts : pandas.DataFrame
        The cells that everything was computed from: the keys, ``rows``, ``weight``, ``score``.
    notes : tuple of str
        Small groups, undefined measures and their reasons.
    settings : dict
        The columns and parameters of the run.
    title : str
        The title of the page.
    """

    measures: pd.DataFrame
    groups: pd.DataFrame
    counts: pd.DataFrame
    notes: tuple[str, ...]
    settings: dict[str, Any]
    title: str = TITLE

    def totals(self) -> dict[str, int]:
        """Return the size of the result."""
        rows = int(self.counts["rows"].sum())
        measures, notes = len(self.measures), len(self.notes)
        return {"rows": rows, "groups": len(self.groups), "measures": measures, "notes": notes}

    def _tables(self) -> Tables:
        """Return the long table, the groups and counts, and a table per family of measures."""
        return {
            "measures": self.measures.copy,
            "groups": self.groups.copy,
            "counts": self.counts.copy,
            **{family: partial(self._family, family) for family in REGISTRY},
        }

    def _remarks(self) -> tuple[str, ...]:
        return self.notes

    def _family(self, family: str) -> pd.DataFrame:
        """Return one family with a column per measure."""
        part = self.measures[self.measures["family"] == family]
        keys = ["feature", "outcome", "group", "versus"]
        wide: dict[tuple[Any, ...], dict[str, Any]] = {}
        for *at, name, value in part[[*keys, "measure", "value"]].itertuples(index=False):
            wide.setdefault(tuple(at), dict(zip(keys, at, strict=True)))[name] = value
        names = [n for n in REGISTRY[family] if n in set(part["measure"])]
        table = pd.DataFrame(list(wide.values()), columns=[*keys, *names], dtype=object)
        return table.astype(dict.fromkeys(names, "float64"))

    def _numbers(self) -> dict[str, float]:
        """Return the worst of all groups per feature, ``<feature>.max_abs_DPL``.

        Without a sign, because it would depend on which group is farthest: the largest absolute
        value, for the disparate impact the smallest. Undefined and infinite values are ignored.
        """
        found = {}
        for name, figures in self._figures().items():
            known = [figure.value for figure in figures if np.isfinite(figure.value)]
            worst = min if ".min_" in f".{name}" else max
            found[name] = worst(known, default=np.nan)
        return found

    def _figures(self) -> dict[str, list[Figure]]:
        """Return the headline measures of each group; a gate passes only if all groups pass."""
        found: dict[str, list[Figure]] = {}
        names = ["family", "feature", "group", "measure", "value"]
        for family, feature, group, name, value in self.measures[names].itertuples(index=False):
            if name not in HEADLINES.get(family, ()):
                continue
            at = "" if group is None else f"group {group}"
            found.setdefault(_headline(family, feature, name), []).append(
                Figure(float(abs(value)), at=at)
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: None is undefined, infinite numbers are ``"inf"``, ``"-inf"``."""
        used = {family: set(p["measure"]) for family, p in self.measures.groupby("family")}
        return {
            "title": self.title,
            "settings": self.settings,
            "rows": int(self.counts["rows"].sum()),
            "groups": records(self.groups),
            "measures": records(self.measures),
            "notes": list(self.notes),
            "definitions": [
                entry.to_dict()
                for family, entries in REGISTRY.items()
                for entry in entries.values()
                if entry.name in used.get(family, ())
            ],
        }

    def to_html(self) -> str:
        """Return the report as a self-contained page; it contains the names of the groups."""
        from rai_scale.reports.balance import render_balance

        return render_balance(self.to_dict())
