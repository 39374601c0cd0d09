"""The result of an evaluation: precision, recall and F2 with intervals, from counts per cluster."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.gates import Figure
from rai_scale.pii.quality.count_matches import ERRORS, TEXTS
from rai_scale.pii.quality.matching import ANY
from rai_scale.results import Result, Tables
from rai_scale.statistics.clustered_ratios import UNKNOWN, clustered_ratio, paired_difference

MEASURES = ("precision", "recall", "f2", "recall_any")
"""The measures; ``recall_any`` is the share that is found under any entity."""


@dataclass(frozen=True, repr=False)
class PiiEvaluation(Result):
    """Precision, recall and F2 of a detector on labelled texts.

    Attributes
    ----------
    measures : pandas.DataFrame
        One row per column, entity and measure (``precision``, ``recall``, ``f2``, ``recall_any``:
        the recall under any entity): ``value``, ``lower``, ``upper``, the counts ``labelled``,
        ``found``, ``hits`` and ``clusters``; with a baseline also ``baseline``, ``difference``,
        ``difference_lower`` and ``difference_upper``. Column or entity ``*`` is the sum over all.
    texts, errors : int
        Number of texts, and of those whose analysis failed.
    settings : dict
    engine : str
    title : str
    """

    measures: pd.DataFrame
    texts: int
    errors: int
    settings: dict[str, Any] = field(default_factory=dict)
    engine: str = ""
    title: str = "Quality of a detector"

    def _tables(self) -> Tables:
        return {"measures": self.measures.copy}

    def _rows(self) -> list[dict[str, Any]]:
        found: list[Any] = self.measures[self.measures["column"] == ANY].to_dict("records")
        return found

    def _numbers(self) -> Mapping[str, float]:
        return {metric_name(row): row["value"] for row in self._rows()}

    def _figures(self) -> Mapping[str, Sequence[Figure]]:
        figures = {
            metric_name(row): [Figure(row["value"], row["lower"], row["upper"])]
            for row in self._rows()
        }
        if "difference" in self.measures:
            figures |= {
                f"{metric_name(row)}_change": [
                    Figure(row["difference"], row["difference_lower"], row["difference_upper"])
                ]
                for row in self._rows()
            }
        return figures

    def _remarks(self) -> Sequence[str]:
        failed = f"{self.errors} texts could not be analysed and count as missed."
        return [failed] if self.errors else []

    def totals(self) -> Mapping[str, Any]:
        """Return the numbers of texts, of failed texts and of clusters, and the settings."""
        clusters = self.measures.loc[self.measures["column"] == ANY, "clusters"]
        sizes = {"texts": self.texts, "errors": self.errors, "match": self.settings["match"]}
        return {**sizes, "templates": int(clusters.max()) if len(clusters) else 0}

    def to_html(self) -> str:
        """Return the page of the evaluation."""
        from rai_scale.reports.pii_quality import render_evaluation

        return render_evaluation(self.to_dict() | {"title": self.title, "gates": self.gates()})

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {**super().to_dict(), "settings": self.settings, "engine": self.engine}


def metric_name(row: Mapping[str, Any]) -> str:
    """Return the name of a measure: ``recall`` of all entities, ``recall.PERSON`` of one."""
    return row["measure"] if row["entity"] == ANY else f"{row['measure']}.{row['entity']}"


def measure_of(metric: str) -> str:
    """Return the measure that a metric is of: ``recall_change`` of ``recall.PERSON_change``."""
    measure, dot, entity = metric.partition(".")
    return measure + ("_change" if dot and entity.endswith("_change") else "")


def measured(
    counts: pd.DataFrame, systems: int, settings: dict[str, Any], engine: Sequence[str]
) -> PiiEvaluation:
    """Return the result of counts per column, entity and cluster."""
    numbers = list(counts.columns[3:])
    of_all = counts.groupby(["entity", "cluster"], as_index=False)[numbers].sum()
    both = pd.concat([of_all.assign(column=ANY), counts], ignore_index=True)
    if counts["column"].nunique() == 1:
        both = both[both["column"] == ANY]
    rows = [
        row
        for (column, entity), part in both.groupby(["column", "entity"], sort=False)
        for row in _measure(str(column), str(entity), part, systems, settings["confidence"])
    ]
    totals = counts[[TEXTS, *ERRORS[:systems]]].sum()
    return PiiEvaluation(
        pd.DataFrame(rows), int(totals[TEXTS]), int(totals[ERRORS[0]]), settings, engine[0]
    )


def _measure(
    column: str, entity: str, part: pd.DataFrame, systems: int, confidence: float
) -> list[dict[str, Any]]:
    used = part[(part["labelled"] > 0) | (part["found_0"] > 0)]
    rows = []
    for measure in MEASURES:
        own, *others = [_ratio(part, measure, number) for number in range(systems)]
        value = clustered_ratio(*own, confidence)
        row: dict[str, Any] = {"column": column, "entity": entity, "measure": measure}
        row |= dict(zip(("value", "lower", "upper"), value, strict=True))
        row |= {name: int(part[name].sum()) for name in ("labelled", "found_0", "hits_0")}
        row["clusters"] = len(used)
        for other in others:
            change = paired_difference(own, other, confidence) if _known(value) else UNKNOWN
            row["baseline"] = clustered_ratio(*other, confidence).value
            ends = ("difference", "difference_lower", "difference_upper")
            row |= dict(zip(ends, change, strict=True))
        rows.append({name.removesuffix("_0"): found for name, found in row.items()})
    return rows


def _known(value: tuple[float, ...]) -> bool:
    return not math.isnan(value[0])


def _ratio(part: pd.DataFrame, measure: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    labelled, found, hits, covered = (
        part[name].to_numpy(float)
        for name in ("labelled", f"found_{number}", f"hits_{number}", f"covered_{number}")
    )
    return {
        "precision": (hits, found),
        "recall": (hits, labelled),
        "f2": (5 * hits, 4 * labelled + found),
        "recall_any": (covered, labelled),
    }[measure]
