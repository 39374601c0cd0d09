"""Partial dependence (Friedman 2001): the mean output over all rows with a feature set to a value.

Every batch gives sums per grid point; the engine adds them up. Equal to scikit-learn's
``partial_dependence(method="brute")`` and interpret's ``PartialDependence`` for the same grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rai_scale.errors import ConfigError, check_columns
from rai_scale.explanations.overall.dependence_result import PartialDependence
from rai_scale.explanations.overall.grids import GridRule, Term, make_terms
from rai_scale.explanations.overall.model_output import (
    Prepared,
    SharedObject,
    SharedOutput,
    prepare,
)
from rai_scale.models.background import Background
from rai_scale.models.columns import model_frame
from rai_scale.names import names_of
from rai_scale.statistics.score_bins import as_floats

if TYPE_CHECKING:
    import pandas as pd

    from rai_scale.models.output import ModelOutput

_SUMS = pa.schema(
    [
        ("term", pa.int32()),
        ("point", pa.int32()),
        ("output", pa.int32()),
        ("weight", pa.float64()),
        ("total", pa.float64()),
        ("square", pa.float64()),
    ]
)
_KEYS = ["term", "point", "output"]


def partial_dependence(
    frame: Any,
    model: Any,
    *,
    features: str | Sequence[str],
    of: str | Sequence[str | tuple[str, str]] | None = None,
    grid: str | Mapping[str, Sequence[Any]] = "quantile",
    grid_points: int = 10,
    percentiles: tuple[float, float] = (0.05, 0.95),
    categorical: str | Sequence[str] = (),
    sample_weight: str | None = None,
    background: Background | Any = None,
    explain_class: Any = None,
    classes: Sequence[Any] | None = None,
    output: str = "probability",
    random_state: int = 0,
    trusted: bool = False,
) -> PartialDependence:
    """Compute partial dependence over all rows of a frame; executes.

    Parameters
    ----------
    frame : pandas, pyspark or dask DataFrame, pyarrow Table or DuckDB relation
    model, features, background, explain_class, classes, output, random_state, trusted
        As in :func:`rai_scale.explain`. ``background`` only says the dtypes that the model is
        given.
    of : list of features or pairs of features, optional
        What is set; by default each feature.
    grid : {"quantile", "linspace"} or mapping of feature to values
        ``quantile`` takes percentiles from 0 to 100 as interpret does, ``linspace`` equal steps
        between two ``percentiles`` as scikit-learn does; either takes the distinct values where
        they are few. Features that a mapping leaves out get ``quantile``.
    grid_points : int
        Points per numeric feature.
    percentiles : (float, float)
        Shares in [0, 1].
    categorical : list of str
        Numeric features of which every value is a point. Text, booleans and categories always are.
    sample_weight : str, optional
        Column of weights.

    Returns
    -------
    PartialDependence

    Raises
    ------
    ConfigError
        If arguments do not fit, or weights are missing, negative or sum to 0.
    MissingColumnError
        If a column is not in the frame.
    """
    ready = prepare(
        frame, model, features, background=background, explain_class=explain_class, classes=classes,
        output=output, random_state=random_state, trusted=trusted,
    )  # fmt: skip
    given = None if isinstance(grid, str) else grid
    rule = GridRule(
        grid if isinstance(grid, str) else "quantile",
        grid_points, percentiles, tuple(names_of(categorical)), given,
    )  # fmt: skip
    if sample_weight is not None:
        check_columns([sample_weight], ready.engine.columns(frame))
    terms = make_terms(
        ready.engine, frame, list(features if of is None else of), rule, ready.sample
    )
    centres = [term_outputs(ready.output, term, ready.sample).mean(axis=0) for term in terms]
    plan = ready.share(SumsPlan(tuple(terms), ready.sample, tuple(centres)), "dependence.pkl")
    function = GridSums(plan, ready.share_output(), sample_weight)
    names = list(dict.fromkeys([*features, *([sample_weight] if sample_weight else [])]))
    sums = ready.engine.map_partitions(
        frame, function, _SUMS, inputs=names, label="partial_dependence"
    )
    counted = ready.engine.group_counts(sums, _KEYS, ["weight", "total", "square"])
    return _result(ready, terms, centres, counted)


def term_outputs(output: ModelOutput, term: Term, rows: pd.DataFrame) -> np.ndarray:
    """Return the outputs of rows at each grid point, shape (rows, points, outputs)."""
    found = [output.in_blocks(term.put(rows, point, rows)) for point in term.points]
    return np.stack(found, axis=1)


@dataclass(frozen=True)
class SumsPlan:
    """What the sums are made of; ``centres`` (points, outputs) per term lie near the means.

    Sums of squares around a centre keep the digits that plain ones lose.
    """

    terms: tuple[Term, ...]
    like: pd.DataFrame
    centres: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class GridSums:
    """Table function: per term, point and output the sums of a batch."""

    plan: SharedObject
    output: SharedOutput
    weight: str | None

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the sums of weights and of weighted distances from the centre, and squares."""
        plan: SumsPlan = self.plan.load()
        output = self.output.load()
        if not table.num_rows:
            return _SUMS.empty_table()
        rows = model_frame(table, plan.like)
        weight = np.ones(len(rows)) if self.weight is None else as_floats(table[self.weight])
        parts = []
        for number, (term, centres) in enumerate(zip(plan.terms, plan.centres, strict=True)):
            for at, point in enumerate(term.points):
                away = output.in_blocks(term.put(rows, point, plan.like)) - centres[at]
                parts.append(_sums(number, at, away, weight))
        return pa.concat_tables(parts)


def _sums(term: int, point: int, away: np.ndarray, weight: np.ndarray) -> pa.Table:
    count = away.shape[1]
    # a missing or negative weight shows on the driver as a total that is NaN
    total = weight.sum() if (weight >= 0).all() else np.nan
    return pa.table(
        [
            np.full(count, term, np.int32),
            np.full(count, point, np.int32),
            np.arange(count, dtype=np.int32),
            np.full(count, total),
            weight @ away,
            weight @ away**2,
        ],
        schema=_SUMS,
    )


def _result(
    ready: Prepared, terms: list[Term], centres: list[np.ndarray], counted: pa.Table
) -> PartialDependence:
    if not counted.num_rows:
        raise ConfigError("there are no rows to average over.")
    found = counted.to_pandas().set_index(_KEYS).sort_index()
    means, deviations, weight = [], [], 0.0
    for number, centre in enumerate(centres):
        part = found.loc[number]
        weight = float(part["sum_weight"].iloc[0])
        if not weight > 0:
            raise ConfigError("the weights are missing or negative in some rows, or sum to 0.")
        away = part["sum_total"].to_numpy().reshape(centre.shape) / weight
        square = part["sum_square"].to_numpy().reshape(centre.shape) / weight
        means.append(centre + away)
        deviations.append(np.sqrt(np.maximum(square - away**2, 0.0)))
    return PartialDependence(tuple(terms), ready.labels, tuple(means), tuple(deviations), weight)
