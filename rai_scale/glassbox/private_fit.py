"""The rows, the noise and the released state of a private EBM."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.sql_tables import without_invalid_text
from rai_scale.glassbox.bins import category_texts
from rai_scale.statistics.keyed_hash import key_hashes
from rai_scale.statistics.score_bins import as_floats
from rai_scale.upstream.interpret import gaussian_noise

ALL = "_rai_all"
STATE = pa.schema([("state", pa.string())])


@dataclass(frozen=True)
class PrivateColumn:
    """A feature with its public range; categories are coded 0, 1, ..., and unknown ones last."""

    name: str
    low: float
    high: float
    categories: tuple[str, ...] = ()

    def values(self, table: pa.Table) -> np.ndarray:
        """Return float64 within the range, without missing values."""
        if not self.categories:
            found = as_floats(table[self.name])
            found = np.where(np.isnan(found), self.missing, found)
            clipped: np.ndarray = np.clip(found, self.low, self.high)
            return clipped
        codes = {text: number for number, text in enumerate(self.categories)}
        texts = category_texts(table[self.name])
        return np.array([codes.get(text, self.missing) for text in texts], dtype=np.float64)

    @property
    def missing(self) -> float:
        """The value that replaces a missing one: the middle of the range, or the last code."""
        return float(len(self.categories)) if self.categories else (self.low + self.high) / 2


def one_group(table: pa.Table) -> pa.Table:
    """Return a constant column."""
    return pa.table({ALL: np.zeros(table.num_rows, dtype=np.int32)})


@dataclass(frozen=True)
class FitPrivate:
    """Table function: trains the EBM on all rows and returns its private state."""

    columns: tuple[PrivateColumn, ...]
    target: str
    positive: Any
    privacy_unit: str
    epsilon: float
    delta: float
    bin_budget_frac: float
    settings: Mapping[str, Any]

    @property
    def inputs(self) -> list[str]:
        """Columns that are read."""
        return [self.privacy_unit, *(column.name for column in self.columns), self.target]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row of JSON, whatever the rows contain, even if there are none."""
        names = list(dict.fromkeys(self.inputs))
        table = pa.table([without_invalid_text(table[name]) for name in names], names=names)
        table = one_row_each(table, self.privacy_unit)
        x = np.column_stack([column.values(table) for column in self.columns])
        x, y = _with_public_rows(x, self._labels(table), self.columns)
        return pa.table([[json.dumps(_state(self._fit(x, y)))]], schema=STATE)

    def try_out(self, schema: pa.Schema) -> None:
        """Fit artificial rows of the table's types, so that an impossible fit is not charged.

        Parameters
        ----------
        schema : pyarrow.Schema
            Canonical schema of the table.
        """
        fields = [schema.field(name) for name in dict.fromkeys(self.inputs)]
        nulls = pa.table([pa.nulls(2, f.type) for f in fields], schema=pa.schema(fields))
        key_hashes(nulls, 0)
        self._labels(nulls)
        for column in self.columns:
            column.values(nulls)
        self(nulls)

    def _labels(self, table: pa.Table) -> np.ndarray:
        labels = table[self.target]
        hits = pc.equal(labels, pa.scalar(self.positive, labels.type))
        positive: np.ndarray = pc.fill_null(hits, False).to_numpy()
        return positive.astype(np.int64)

    def _fit(self, x: np.ndarray, y: np.ndarray) -> Any:
        from interpret.privacy import DPExplainableBoostingClassifier

        binning = half_epsilon(self.epsilon * self.bin_budget_frac, self.delta / 2)
        boosting = half_epsilon(self.epsilon * (1 - self.bin_budget_frac), self.delta / 2)
        model = DPExplainableBoostingClassifier(
            feature_names=[column.name for column in self.columns],
            feature_types=["continuous"] * len(self.columns),
            privacy_bounds=np.array([(column.low, column.high) for column in self.columns]),
            epsilon=binning + boosting,
            delta=self.delta,
            bin_budget_frac=binning / (binning + boosting),
            composition="gdp",
            validation_size=0,
            outer_bags=1,
            n_jobs=1,
            random_state=None,
            **self.settings,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.fit(x, y)


def _with_public_rows(
    x: np.ndarray, y: np.ndarray, columns: Sequence[PrivateColumn]
) -> tuple[np.ndarray, np.ndarray]:
    """Always add one artificial row of each class, because interpret fails if a class is missing.

    Such a failure would disclose whether any person has the class. The two rows are public and the
    same for every table, so neighbouring tables remain neighbours.
    """
    middle = np.array([column.missing for column in columns])
    return np.vstack([x, middle, middle]), np.append(y, [0, 1])


def half_epsilon(epsilon: float, delta: float) -> float:
    """Return the epsilon at which interpret adds twice the noise that it adds at ``epsilon``.

    The mu of a Gaussian mechanism is its sensitivity divided by its noise (Dong, Roth and Su 2022).
    Replacing a row is a removal and an addition, which at most doubles the sensitivity.
    """
    wanted = 2 * gaussian_noise(epsilon, delta)
    low, high = 0.0, epsilon
    for _ in range(60):
        middle = (low + high) / 2
        enough = gaussian_noise(middle, delta) >= wanted
        low, high = (middle, high) if enough else (low, middle)
    return low


def one_row_each(table: pa.Table, unit: str) -> pa.Table:
    """Keep the row with the smallest hash of each unit, and drop rows without a unit."""
    column = table[unit]
    known = pc.invert(pc.is_null(column, nan_is_null=pa.types.is_floating(column.type)))
    table = table.filter(known)
    if table.num_rows == 0:
        return table
    coded = table[unit].combine_chunks().dictionary_encode()
    units = coded.indices.to_numpy()
    order = np.lexsort((key_hashes(table, 0), units))
    first = np.r_[True, units[order][1:] != units[order][:-1]]
    kept = table.take(pa.array(order[first]))
    # units are numbered in the order of the rows, so the kept rows are sorted by hash
    return kept.take(pa.array(np.argsort(key_hashes(kept, 1), kind="stable")))


def _state(model: Any) -> dict[str, Any]:
    """Return the differentially private and the public parts of a model, and nothing else."""
    return {
        "cuts": [levels[0].tolist() for levels in model.bins_],
        "weights": [weights.tolist() for weights in model.bin_weights_],
        "scores": [scores.tolist() for scores in model.term_scores_],
        "intercept": np.ravel(model.intercept_).tolist(),
        "noise_scale_binning": float(model.noise_scale_binning_),
        "noise_scale_boosting": float(model.noise_scale_boosting_),
    }


def model_of(
    state: Mapping[str, Any], columns: Sequence[PrivateColumn], classes: Sequence[Any]
) -> Any:
    """Return interpret's private classifier for a released state."""
    from interpret.privacy import DPExplainableBoostingClassifier

    parts = [
        _feature(column, *(np.array(state[key][i]) for key in ("cuts", "weights", "scores")))
        for i, column in enumerate(columns)
    ]
    model = DPExplainableBoostingClassifier()
    ordered = np.array(sorted(classes))
    sign = 1.0 if ordered[1] == classes[1] else -1.0
    scores = [sign * part[2] for part in parts]
    intercept = sign * np.array(state["intercept"])
    names = [column.name for column in columns]
    fitted = {
        "bins_": [[part[0]] for part in parts],
        "bin_weights_": [part[1] for part in parts],
        "term_scores_": scores,
        "bagged_scores_": [score[None] for score in scores],
        "standard_deviations_": [np.zeros_like(score) for score in scores],
        "intercept_": intercept,
        "bagged_intercept_": intercept.copy(),
        "bag_weights_": np.array([np.mean([part[1].sum() for part in parts])]),
        "feature_names_in_": names,
        "feature_types_in_": ["nominal" if c.categories else "continuous" for c in columns],
        "feature_bounds_": np.array(
            [(np.nan, np.nan) if c.categories else (c.low, c.high) for c in columns]
        ),
        "term_features_": [(i,) for i in range(len(columns))],
        "term_names_": names,
        "n_features_in_": len(columns),
        "classes_": ordered,
        "link_": "logit",
        "link_param_": float("nan"),
        "noise_scale_binning_": state["noise_scale_binning"],
        "noise_scale_boosting_": state["noise_scale_boosting"],
        "has_fitted_": True,
    }
    for name, value in fitted.items():
        setattr(model, name, value)
    return model


def _feature(
    column: PrivateColumn, cuts: np.ndarray, weights: np.ndarray, scores: np.ndarray
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return bins, weights and scores; a missing value has the score that it was trained with."""

    def bin_of(value: float) -> int:
        return 1 + int(np.searchsorted(cuts, value, side="right"))

    scores = scores.copy()
    scores[0] = scores[-1] = scores[bin_of(column.missing)]
    if not column.categories:
        return cuts, weights, scores
    found = [bin_of(code) for code in range(len(column.categories))]
    used = sorted(set(found))
    bins = {text: 1 + used.index(b) for text, b in zip(column.categories, found, strict=True)}
    kept = [0, *used, len(scores) - 1]
    return bins, weights[kept], scores[kept]
