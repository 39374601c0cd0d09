"""A differentially private EBM: interpret's DPEBM on one row per person, charged to a ledger.

One model over all persons, not one per shard. Nori et al. (2021, arXiv:2106.09680) take the number
of rows as known. That holds for the whole table if neighbours replace one person; the sizes of
shards would change with the person's shard. A shard's noise would also be as large as the whole
table's, on a fraction of the rows, and private cut points cannot be shared without paying again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.engines.object_columns import type_of_values
from rai_scale.errors import ConfigError, check_columns
from rai_scale.glassbox.ebm_result import term_importance
from rai_scale.glassbox.private_fit import (
    ALL,
    STATE,
    FitPrivate,
    PrivateColumn,
    model_of,
    one_group,
)
from rai_scale.names import names_of
from rai_scale.results import Result, Tables
from rai_scale.statistics.score_bins import check_numeric

if TYPE_CHECKING:
    from rai_scale.privacy.ledger.reservation import Release

_PAIR = 2


@dataclass(frozen=True, repr=False)
class PrivateEBMResult(Result):
    """A private EBM and its release.

    Attributes
    ----------
    model : DPExplainableBoostingClassifier
        Made of the release alone, so that it holds nothing but private or public numbers.
    release : Release
        What the ledger stored.
    epsilon, delta : float
        What was charged. Neighbouring tables replace all rows of one person.
    """

    model: Any
    release: Release = field(repr=False)
    epsilon: float
    delta: float

    def totals(self) -> dict[str, Any]:
        """Return what was trained, and what it was charged."""
        return {"terms": len(self.model.term_names_), "epsilon": self.epsilon, "delta": self.delta}

    def _tables(self) -> Tables:
        return {"importance": partial(term_importance, self.model)}

    def _numbers(self) -> dict[str, float]:
        terms = dict(term_importance(self.model).itertuples(index=False, name=None))
        return {"epsilon": self.epsilon, "delta": self.delta, **terms}


def train_private_ebm(
    frame: Any,
    *,
    features: str | Sequence[str],
    y_true: str,
    classes: Sequence[Any],
    privacy_unit: str,
    privacy_bounds: Mapping[str, Any],
    epsilon: float,
    delta: float,
    ledger: Any,
    scope: str,
    analyst: str,
    dataset: str,
    task: str = "classification",
    max_bins: int = 32,
    max_rounds: int = 300,
    max_leaves: int = 3,
    learning_rate: float = 0.01,
    bin_budget_frac: float = 0.1,
    idempotency_key: str | None = None,
) -> PrivateEBMResult:
    """Train a private EBM for two classes under one charge; runs the frame in one worker.

    The model is (epsilon, delta)-differentially private for the replacement of one person's rows;
    the number of persons is taken as public. interpret scales its noise for the addition of one
    row; a replacement is two such steps, so its noise is doubled here. Its noise is made of
    floating-point numbers and not of an exact sampler.

    Of each person one row is kept, by a hash of that person's rows alone; rows without a person
    are left out. Values are clipped to their public bounds, a missing number is the middle of
    them, a missing or unknown category is one category, and a missing target the first class. One
    made-up row of each class, of missing values, is always added: a model comes out whatever the
    data hold, for a failure would tell of them.

    Object columns of pandas and Dask are read as the bounds and classes say, value by value: what
    does not fit is missing.

    Parameters
    ----------
    frame : pandas, pyspark or dask DataFrame, pyarrow Table or DuckDB relation
    features : list of str
    y_true : str
    classes : (negative, positive)
        Public: the two values of the target.
    privacy_unit : str
        Column that names the person.
    privacy_bounds : dict
        Public, for each feature: ``(low, high)``, or the list of its categories as text.
    epsilon, delta : float
        Both above 0, delta below 1.
    ledger : URL, engine, Ledger, or "none"
    scope, analyst, dataset, idempotency_key
        As of ``release_once``: one call with one key is one release.
    task : str
        Only ``classification``: in a regression, scores leave the bounds of the target, so
        residuals exceed what interpret's noise is scaled to.
    max_bins, max_rounds, max_leaves, learning_rate, bin_budget_frac
        As of interpret's ``DPExplainableBoostingClassifier``.

    Returns
    -------
    PrivateEBMResult

    Raises
    ------
    ConfigError
        If bounds are not given for each feature; before any data are read.
    BudgetExceededError
        Before any data are read.
    """
    if task != "classification":
        raise ConfigError(
            "a private EBM is for two classes. interpret's private regression scales its noise to "
            "the range of the target, but residuals may exceed it. Cut the target into two classes."
        )
    values = list(classes)
    if len(values) != _PAIR or values[0] == values[1]:
        raise ConfigError("classes must be the two public values of the target: (0, 1).")
    if not (epsilon > 0 and 0 < delta < 1 and 0 < bin_budget_frac < 1):
        raise ConfigError("epsilon must be above 0, delta and bin_budget_frac between 0 and 1.")
    features = names_of(features)
    if not features or {y_true, privacy_unit} & set(features):
        raise ConfigError("features must not be empty, nor hold the target or the privacy unit.")
    engine = engine_of(frame)
    types = {name: _type_of(privacy_bounds.get(name)) for name in features}
    types |= {y_true: type_of_values(values), privacy_unit: pa.string()}
    frame = engine.declared(frame, types)
    schema = engine.schema(frame)
    check_columns([*features, y_true, privacy_unit], schema.names)
    columns = tuple(_column(name, privacy_bounds, schema) for name in features)
    settings = {
        "max_bins": max_bins,
        "max_rounds": max_rounds,
        "max_leaves": max_leaves,
        "learning_rate": learning_rate,
    }
    fit = FitPrivate(
        columns, y_true, values[1], privacy_unit, epsilon, delta, bin_budget_frac, settings
    )

    _try_out(fit, schema)

    def fitted() -> pa.Table:
        marked = engine.with_columns(
            frame, one_group, pa.schema([(ALL, pa.int32())]), inputs=[y_true], label="private ebm"
        )
        inputs = list(dict.fromkeys([ALL, *fit.inputs]))
        made = engine.map_groups(marked, [ALL], fit, STATE, inputs=inputs, label="private ebm")
        found = engine.collect(made)
        return found if found.num_rows else fit(schema.empty_table())

    def compute() -> tuple[bytes, dict[str, Any]]:
        found = one_message(fitted)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, found.schema) as writer:
            writer.write_table(found)
        return sink.getvalue().to_pybytes(), {"kind": "private_ebm", "features": list(features)}

    from rai_scale.privacy.costs import REPLACE, Cost
    from rai_scale.privacy.disclosure import one_message
    from rai_scale.privacy.ledger.no_ledger import ledger_of
    from rai_scale.privacy.ledger.release import release_once

    release = release_once(
        ledger_of(ledger),
        compute,
        scope=scope,
        analyst=analyst,
        dataset=dataset,
        costs=[Cost("private_ebm", epsilon=epsilon, delta=delta, neighbours=REPLACE)],
        idempotency_key=idempotency_key,
    )
    state = json.loads(release.table()["state"][0].as_py())
    return PrivateEBMResult(model_of(state, columns, values), release, epsilon, delta)


def _try_out(fit: FitPrivate, schema: pa.Schema) -> None:
    try:
        fit.try_out(schema)
    except (ArithmeticError, NotImplementedError, TypeError, ValueError) as error:
        raise ConfigError(
            "a private EBM cannot be trained with these settings on columns of these types: "
            f"{str(error).rstrip('.')}. Nothing was charged and no row was read."
        ) from None


def _type_of(bounds: Any) -> pa.DataType:
    """Return the type that a feature of Python's objects is read as."""
    texts = isinstance(bounds, Sequence) and all(isinstance(value, str) for value in bounds)
    return pa.string() if texts else pa.float64()


def _column(name: str, bounds: Mapping[str, Any], schema: pa.Schema) -> PrivateColumn:
    if name not in bounds:
        raise ConfigError(
            f"privacy_bounds lacks {name!r}: give its public range (low, high), or the list of its "
            "categories. Bounds that are taken from the data would disclose extreme values."
        )
    given = list(bounds[name])
    if given and all(isinstance(value, str) for value in given):
        if len(set(given)) != len(given):
            raise ConfigError(f"the categories of {name!r} must differ.")
        return PrivateColumn(name, -0.5, len(given) + 0.5, tuple(given))
    numbers = [value for value in given if isinstance(value, int | float)]
    finite = len(numbers) == _PAIR and all(map(math.isfinite, numbers))
    if len(given) != _PAIR or not finite or not numbers[0] < numbers[1]:
        raise ConfigError(
            f"privacy_bounds of {name!r} must be finite: (low, high), or a list of texts."
        )
    check_numeric(schema, name, "feature")
    return PrivateColumn(name, float(given[0]), float(given[1]))
