"""Partial dependence (Friedman 2001): the mean output over all rows with a feature set to a value.

Each batch returns sums per grid point, which the engine adds up. Equal to scikit-learn's
``partial_dependence(method="brute")`` and interpret's ``PartialDependence`` for the same grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rai_scale.errors import ConfigError, check_columns
from rai_scale.explanations.overall.dependence_result import PartialDependence
from rai_scale.explanations.overall.grids import FeatureGrid, Term, make_terms
from rai_scale.models.background import Background
from rai_scale.models.columns import model_frame
from rai_scale.models.ready_model import ReadyModel, SharedObject, SharedOutput, ready_model
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
    grid: FeatureGrid | None = None,
    sample_weight: str | None = None,
    background: Background | Any = None,
    explain_class: Any = None,
    random_state: int = 0,
) -> PartialDependence:
    """Compute partial dependence over all rows of a frame; executes.

    Parameters
    ----------
    frame : pandas, pyspark or dask DataFrame, pyarrow Table or DuckDB relation
        The rows to average over.
    model, features, explain_class, random_state
        As in :func:`rai_scale.explain`.
    of : list of features or pairs of features, optional
        Features, or pairs of features, whose dependence is computed; by default each feature.
    grid : FeatureGrid, optional
        The values to which features are set.
    sample_weight : str, optional
        Column of row weights.
    background : Background, or a frame for ``Background(frame=...)``, optional
        Only its dtypes are used: the model receives the rows of ``frame`` with these dtypes.

    Returns
    -------
    PartialDependence

    Raises
    ------
    ConfigError
        If an argument is invalid, or weights are missing, negative or sum to 0.
    MissingColumnError
        If a column is not in the frame.
    """
    ready = ready_model(frame, model, features, background, explain_class, random_state)
    if sample_weight is not None:
        check_columns([sample_weight], ready.engine.columns(frame))
    like = ready.background
    terms = make_terms(ready.engine, frame, ready.features if of is None else of, grid, like)
    centres = [term_outputs(ready.output, term, like).mean(axis=0) for term in terms]
    plan = ready.share(SumsPlan(tuple(terms), like, tuple(centres)), "dependence.pkl")
    function = GridSums(plan, ready.share_output(), sample_weight)
    names = list(dict.fromkeys([*ready.features, *([sample_weight] if sample_weight else [])]))
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
    """Everything needed to compute sums; ``centres`` are values near the means, per term.

    Sums of squared distances from a centre near the mean are more precise than sums of squares.
    """

    terms: tuple[Term, ...]
    like: pd.DataFrame
    centres: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class GridSums:
    """Table function: the sums of a batch for each term, grid point and output."""

    plan: SharedObject
    output: SharedOutput
    weight: str | None

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return sums of weights, and of weighted distances from the centre and their squares."""
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
    # NaN marks a missing or negative weight for the driver
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
    ready: ReadyModel, terms: list[Term], centres: list[np.ndarray], counted: pa.Table
) -> PartialDependence:
    if not counted.num_rows:
        raise ConfigError("the frame has no rows to average over.")
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
