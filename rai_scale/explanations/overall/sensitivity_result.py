"""Results of Morris and Sobol sensitivity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from rai_scale.explanations.overall.dependence_result import label_position
from rai_scale.explanations.overall.interpret_objects import bars, morris_explanation
from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import plain


@dataclass(frozen=True, repr=False)
class SensitivityResult(Result):
    """The attributes and methods that both results have in common.

    Attributes
    ----------
    features : tuple of str
        Varied features.
    labels : tuple of str
        Classes; one empty string if there is a single output.
    bounds : tuple of (float, float)
        The range of each feature.
    evaluations : int
        Number of rows of the design.
    confidence : float
        Confidence of the intervals.
    tables : tuple of dict
        For each output, SALib's names and values per feature.
    """

    features: tuple[str, ...]
    labels: tuple[str, ...]
    bounds: tuple[tuple[float, float], ...]
    evaluations: int
    confidence: float
    tables: tuple[dict[str, np.ndarray], ...]

    headline: ClassVar[str] = ""

    def totals(self) -> dict[str, int]:
        """Return the numbers of features, outputs and evaluations."""
        sizes = {"features": len(self.features), "outputs": len(self.labels)}
        return {**sizes, "evaluations": self.evaluations}

    def _tables(self) -> Tables:
        return {"features": self._by_feature}

    def _numbers(self) -> dict[str, float]:
        """Return the main number of each feature and output."""
        return {
            f"{label}{'.' * bool(label)}{feature}": float(value)
            for label, table in zip(self.labels, self.tables, strict=True)
            for feature, value in zip(self.features, table[self.headline], strict=True)
        }

    def _by_feature(self) -> pd.DataFrame:
        """Return one row per output and feature."""
        parts = []
        for label, table in zip(self.labels, self.tables, strict=True):
            flat = {name: values for name, values in table.items() if values.ndim == 1}
            part = pd.DataFrame({"feature": self.features, **flat})
            if len(self.labels) > 1:
                part.insert(0, "class", label)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as plain values; undefined numbers are ``None``."""
        outputs = [
            {"class": label or None, **{name: plain(values) for name, values in table.items()}}
            for label, table in zip(self.labels, self.tables, strict=True)
        ]
        return {
            "features": list(self.features),
            "bounds": [list(pair) for pair in self.bounds],
            "evaluations": self.evaluations,
            "confidence": self.confidence,
            "outputs": outputs,
        }

    def table(self, label: str | None = None) -> dict[str, np.ndarray]:
        """Return the numbers of one output; the class is required if there are several."""
        return self.tables[label_position(self.labels, label)]


@dataclass(frozen=True, repr=False)
class Morris(SensitivityResult):
    """Elementary effects: ``mu``, ``mu_star`` (mean absolute), ``sigma``, ``mu_star_conf``."""

    headline: ClassVar[str] = "mu_star"

    def to_interpret(self, explain_class: str | None = None) -> Any:
        """Return interpret's ``MorrisExplanation`` of one output."""
        return morris_explanation(self.features, self.table(explain_class))


@dataclass(frozen=True, repr=False)
class Sobol(SensitivityResult):
    """First-order, second-order and total indices ``S1``, ``S2`` and ``ST``, with intervals.

    ``S2`` is a square array in the order of the features, whose upper triangle is filled.
    """

    headline: ClassVar[str] = "ST"

    def _tables(self) -> Tables:
        return {**super()._tables(), "pairs": self._all_pairs}

    def _all_pairs(self) -> pd.DataFrame:
        parts = [self.pairs(label).assign(output=label) for label in self.labels]
        return pd.concat(parts, ignore_index=True)

    def pairs(self, explain_class: str | None = None) -> pd.DataFrame:
        """Return one row per pair of features: S2 and S2_conf; empty without second order."""
        table = self.table(explain_class)
        square = (len(self.features),) * 2
        upper = np.triu_indices(len(self.features), 1)
        names = np.array(self.features, dtype=object)
        numbers = {n: table.get(n, np.empty(square))[upper] for n in ("S2", "S2_conf")}
        found = pd.DataFrame({"first": names[upper[0]], "second": names[upper[1]], **numbers})
        return found if "S2" in table else found.iloc[:0]

    def to_interpret(self, explain_class: str | None = None) -> Any:
        """Return interpret's ``FeatureValueExplanation`` of the total indices of one output."""
        return bars(self.features, self.table(explain_class)["ST"], "Sobol total index")
