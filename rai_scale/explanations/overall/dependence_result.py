"""Results of partial dependence and of its single rows (ICE)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.explanations.overall.interpret_objects import pair_explanation, pdp_explanation
from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import plain

if TYPE_CHECKING:
    from rai_scale.explanations.overall.grids import Term


@dataclass(frozen=True, repr=False)
class PartialDependence(Result):
    """Mean outputs over all rows at each point of each term.

    Attributes
    ----------
    terms : tuple of Term
        Features and their grids.
    labels : tuple of str
        Classes; one empty string if there is a single output.
    mean, std : tuple of ndarray, shape (points, outputs)
        For each term: the mean output and the standard deviation over rows. For two features, the
        second one varies fastest.
    weight : float
        Sum of the weights; without weights, the number of rows.
    """

    terms: tuple[Term, ...]
    labels: tuple[str, ...]
    mean: tuple[np.ndarray, ...]
    std: tuple[np.ndarray, ...]
    weight: float

    def average(self, term: int = 0) -> np.ndarray:
        """Return the means of a term, by its number, in scikit-learn's layout (outputs,
        *points)."""
        return self.mean[term].T.reshape(len(self.labels), *self.terms[term].shape)

    def totals(self) -> dict[str, Any]:
        """Return the terms and the number of rows."""
        outputs, points = len(self.labels), sum(len(mean) for mean in self.mean)
        return {
            "terms": _names(self.terms),
            "points": points,
            "outputs": outputs,
            "weight": self.weight,
        }

    def _tables(self) -> Tables:
        return {"dependence": self._dependence}

    def _numbers(self) -> dict[str, float]:
        """Return the range of the means of each term."""
        return {
            f"{name}.range{'.' * bool(label)}{label}": float(np.ptp(mean[:, at]))
            for name, mean in zip(_names(self.terms), self.mean, strict=True)
            for at, label in enumerate(self.labels)
        }

    def _dependence(self) -> pd.DataFrame:
        """Return one row per term, point and output: feature, value, class, mean, std."""
        parts = [
            _long(term, self.labels, {"mean": mean, "std": std})
            for term, mean, std in zip(self.terms, self.mean, self.std, strict=True)
        ]
        return pd.concat(parts, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return grids, means and deviations as plain values."""
        terms = [
            {**describe(term), "mean": mean.T.tolist(), "std": std.T.tolist()}
            for term, mean, std in zip(self.terms, self.mean, self.std, strict=True)
        ]
        return {"classes": list(filter(None, self.labels)), "weight": self.weight, "terms": terms}

    def to_interpret(self, explain_class: str | None = None, lines: Ice | None = None) -> Any:
        """Return interpret's ``PDPExplanation`` of the terms of one feature, for one class.

        Parameters
        ----------
        explain_class : str, optional
            The class; required if there are several.
        lines : Ice, optional
            Lines of single rows for the same terms, which are drawn as well.

        Raises
        ------
        ConfigError
            If there is no such class, or no term has exactly one feature.
        """
        at = label_position(self.labels, explain_class)
        single = [n for n, term in enumerate(self.terms) if len(term.axes) == 1]
        if not single:
            raise ConfigError(
                "interpret shows the dependence on one feature; no term has exactly one feature."
            )
        entries = []
        for n in single:
            drawn = None if lines is None else lines.lines[n][:, :, at]
            entries.append((self.terms[n].axes[0], self.mean[n][:, at], self.std[n][:, at], drawn))
        return pdp_explanation(entries)

    def to_interpret_pairs(self, explain_class: str | None = None) -> Any:
        """Return interpret's ``FeatureValueExplanation`` of the terms of two features.

        Parameters
        ----------
        explain_class : str, optional
            The class; required if there are several.

        Raises
        ------
        ConfigError
            If there is no such class, or no term has two features.
        """
        at = label_position(self.labels, explain_class)
        pairs = [
            (*term.axes, self.average(number)[at])
            for number, term in enumerate(self.terms)
            if len(term.axes) > 1
        ]
        if not pairs:
            raise ConfigError("no term has two features; give of=[('a', 'b')].")
        return pair_explanation(pairs)


@dataclass(frozen=True, repr=False)
class Ice(Result):
    """Outputs of single rows at each point of each term (Goldstein et al. 2015).

    Attributes
    ----------
    terms, labels
        As in :class:`PartialDependence`.
    keys : pandas.DataFrame
        Key columns of the drawn rows; without columns if none are given.
    lines : tuple of ndarray, shape (rows, points, outputs)
        Outputs of the rows, for each term.
    """

    terms: tuple[Term, ...]
    labels: tuple[str, ...]
    keys: pd.DataFrame
    lines: tuple[np.ndarray, ...]

    def totals(self) -> dict[str, Any]:
        """Return the terms and the number of rows."""
        return {"terms": _names(self.terms), "rows": len(self.keys), "outputs": len(self.labels)}

    def _tables(self) -> Tables:
        return {"lines": self._lines}

    def _on_page(self) -> Tables:
        return {"lines": lambda: self._lines().drop(columns=map(str, self.keys.columns))}

    def _lines(self) -> pd.DataFrame:
        """Return one row for each drawn row, term, point and output."""
        parts = []
        for row in range(len(self.keys)):
            for term, lines in zip(self.terms, self.lines, strict=True):
                part = _long(term, self.labels, {"value": lines[row]}, taken="at")
                part.insert(0, "row", row)
                for name in reversed(self.keys.columns):
                    part.insert(1, str(name), self.keys[name].iloc[row])
                parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return grids and lines as plain values, including the key columns."""
        terms = [
            {**describe(term), "lines": np.moveaxis(lines, 2, 0).tolist()}
            for term, lines in zip(self.terms, self.lines, strict=True)
        ]
        keys = {str(name): plain(self.keys[name]) for name in self.keys.columns}
        return {"classes": list(filter(None, self.labels)), "keys": keys, "terms": terms}


def _names(terms: tuple[Term, ...]) -> tuple[str, ...]:
    return tuple(" x ".join(term.features) for term in terms)


def label_position(labels: tuple[str, ...], label: str | None) -> int:
    """Return the position of a class among the outputs; a single output needs no class.

    Raises
    ------
    ConfigError
        If there is no such class, or there are several and none is given.
    """
    if label is None and len(labels) == 1:
        return 0
    if label is None or str(label) not in labels:
        raise ConfigError(f"choose one of the classes {', '.join(labels)}; found {label!r}.")
    return labels.index(str(label))


def describe(term: Term) -> dict[str, Any]:
    """Return features, grids and error bounds of a term as plain values."""
    return {
        "features": list(term.features),
        "grid": [plain(axis.values) for axis in term.axes],
        "grid_error_bound": [axis.error_bound for axis in term.axes],
        "missing": [a.distribution.missing if a.distribution else None for a in term.axes],
    }


def _long(
    term: Term, labels: tuple[str, ...], numbers: dict[str, np.ndarray], taken: str = "value"
) -> pd.DataFrame:
    points, several = term.points, len(labels) > 1
    names = list(_names((term,))) * (len(points) * len(labels))
    found: dict[str, Any] = {"term": names}
    if several:
        found["class"] = np.repeat(labels, len(points))
    for number in range(len(term.axes)):
        suffix = "" if len(term.axes) == 1 else f"_{number + 1}"
        found[f"{taken}{suffix}"] = [plain(p[number]) for p in points] * len(labels)
    for name, values in numbers.items():
        found[name] = reduce(lambda a, b: np.r_[a, b], values.T)
    return pd.DataFrame(found)
