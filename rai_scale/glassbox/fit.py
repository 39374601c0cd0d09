"""Fit the EBM of one shard with shared cut points and pairs, and merge several EBMs."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.errors import ConfigError
from rai_scale.glassbox.bins import EbmColumn, category_texts
from rai_scale.glassbox.shards import SHARD
from rai_scale.statistics.score_bins import as_floats

MODELS = pa.schema([(SHARD, pa.int32()), ("model", pa.binary())])
_PER_FEATURE = ("feature_names_in_", "feature_types_in_", "feature_bounds_", "histogram_edges_",
                "histogram_weights_", "unique_val_counts_")  # fmt: skip
_PER_TERM = ("bin_weights_", "bagged_scores_", "term_scores_", "standard_deviations_")


@dataclass(frozen=True)
class FitPlan:
    """The settings that all shards share.

    Attributes
    ----------
    columns : tuple of EbmColumn
    pairs : tuple of (int, int)
        Positions of the features, the lower one first.
    task : {"classification", "regression"}
    y_true : str
    weight : str or None
    random_state : int
    params : mapping
        Arguments of interpret's class.
    """

    columns: tuple[EbmColumn, ...]
    pairs: tuple[tuple[int, int], ...]
    task: str
    y_true: str
    weight: str | None
    random_state: int
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> list[str]:
        """Columns that a fit reads."""
        weight = [] if self.weight is None else [self.weight]
        return [*(column.name for column in self.columns), self.y_true, *weight]

    def fit(self, table: pa.Table, number: int = 0) -> Any:
        """Return the EBM of these rows, whatever their order, for the shard with this number."""
        frame, y, weight = self._arrays(table)
        twins = {i: n for n, i in enumerate(self._twins, start=len(self.columns))}
        for i, twin in twins.items():
            frame[_twin_name(frame, twin)] = frame.iloc[:, i]
        model = _ebm_class(self.task)(
            feature_names=list(frame.columns),
            feature_types=[
                *map(_bins, self.columns),
                *(list(self.columns[i].pair_cuts) for i in twins),
            ],
            interactions=[tuple(twins.get(i, i) for i in pair) for pair in self.pairs],
            exclude=[(twin,) for twin in twins.values()] or None,
            **{"n_jobs": 1, **self.params, "random_state": self.random_state + number},
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing values, and pairs that cannot be plotted
            model.fit(frame, y, weight)
        return _without_twins(model, self, {twin: i for i, twin in twins.items()})

    @property
    def _twins(self) -> list[int]:
        """Continuous features in pairs, which need a second column for the coarser cuts."""
        paired = {i for pair in self.pairs for i in pair}
        return [i for i in sorted(paired) if self.columns[i].kind == "continuous"]

    def _arrays(self, table: pa.Table) -> tuple[pd.DataFrame, np.ndarray, np.ndarray | None]:
        frame = ebm_frame(table, self.columns)
        y = table[self.y_true].to_numpy()
        y = as_floats(table[self.y_true]) if self.task == "regression" else y
        weight = None if self.weight is None else as_floats(table[self.weight])
        if weight is not None and not (np.isfinite(weight) & (weight > 0)).all():
            raise ConfigError("sample weights must be finite and above 0.")
        keys = [_sortable(frame[name]) for name in frame.columns]
        keys += [y if y.dtype != object else pd.factorize(y, sort=True)[0]]
        order = np.lexsort(keys if weight is None else [*keys, weight])
        frame = frame.iloc[order].reset_index(drop=True)
        return frame, y[order], None if weight is None else weight[order]


def ebm_frame(table: pa.Table, columns: Sequence[EbmColumn]) -> pd.DataFrame:
    """Return the features in the form that interpret reads: float64 or categories."""
    made = {
        column.name: as_floats(table[column.name])
        if column.kind == "continuous"
        else pd.Categorical(category_texts(table[column.name]), categories=column.categories)
        for column in columns
    }
    return pd.DataFrame(made)


@dataclass(frozen=True)
class FitShard:
    """Table function: the pickled EBM of all rows of a shard."""

    plan: FitPlan

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row: the shard's number and its model."""
        number = int(table[SHARD][0].as_py())
        model = pickle.dumps(self.plan.fit(table, number))
        return pa.table([[number], [model]], schema=MODELS)


def merge_shards(models: Sequence[Any]) -> Any:
    """Merge the EBMs of shards by interpret's ``merge_ebms``; a single EBM is unchanged."""
    if len(models) == 1:
        return models[0]
    from interpret.glassbox import merge_ebms

    nominal = all(np.isnan(model.feature_bounds_).all() for model in models)
    for model in models if nominal else ():
        # merge_ebms fails if no feature has bounds; those of categories are not used
        model.feature_bounds_ = np.zeros_like(model.feature_bounds_)
    merged = merge_ebms(list(models))
    if nominal:
        merged.feature_bounds_ = np.full_like(merged.feature_bounds_, np.nan)
    for name, value in models[0].get_params().items():
        if not hasattr(merged, name):  # merge_ebms sets no parameters, but repr and clone read them
            setattr(merged, name, value)
    return merged


def _ebm_class(task: str) -> Any:
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    return (
        ExplainableBoostingClassifier if task == "classification" else ExplainableBoostingRegressor
    )


def _bins(column: EbmColumn) -> Any:
    return list(column.cuts) if column.kind == "continuous" else "nominal"


def _sortable(column: pd.Series) -> np.ndarray:
    categories = isinstance(column.dtype, pd.CategoricalDtype)
    return (column.cat.codes if categories else column).to_numpy()


def _twin_name(frame: pd.DataFrame, number: int) -> str:
    name = f"_rai_pair_{number}"
    while name in frame.columns:
        name += "_"
    return name


def _without_twins(model: Any, plan: FitPlan, feature_of: Mapping[int, int]) -> Any:
    """Turn second columns into second levels of bins, in which interpret stores cuts of pairs."""
    width = len(plan.columns)
    bins = [list(levels[:1]) for levels in model.bins_[:width]]
    for twin, i in feature_of.items():
        bins[i].append(model.bins_[twin][0])
    model.bins_ = bins
    for name in _PER_FEATURE:
        setattr(model, name, getattr(model, name)[:width])
    terms = [tuple(feature_of.get(i, i) for i in term) for term in model.term_features_]
    order = sorted(range(len(terms)), key=lambda k: (len(terms[k]), sorted(terms[k])))
    model.term_features_ = [terms[k] for k in order]
    for name in _PER_TERM:
        setattr(model, name, [getattr(model, name)[k] for k in order])
    names = model.feature_names_in_
    model.term_names_ = [" & ".join(names[i] for i in term) for term in model.term_features_]
    model.n_features_in_ = width
    return model.set_params(
        feature_names=list(names),
        feature_types=[_bins(column) for column in plan.columns],
        interactions=[list(pair) for pair in plan.pairs],
        exclude=None,
    )
