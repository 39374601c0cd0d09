"""A differentially private EBM: interpret's DPEBM on one row per person, charged to a ledger.

One model is trained on all people, instead of one per shard. Nori et al. (2021, arXiv:2106.09680)
assume that the number of rows is public. This holds for the whole table if neighbouring tables
replace one person, but the sizes of shards would depend on the shard of that person. A shard would
also need as much noise as the whole table, on a fraction of the rows, and private cut points cannot
be shared without spending budget again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

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
from rai_scale.privacy.costs import REPLACE, Cost
from rai_scale.privacy.disclosure import one_message
from rai_scale.privacy.ledger.amounts import exact
from rai_scale.privacy.ledger.reservation import Release
from rai_scale.privacy.options import Privacy
from rai_scale.records.canonical import idempotency_key
from rai_scale.results import Result, Tables
from rai_scale.statistics.score_bins import check_numeric

_PAIR = 2


@dataclass(frozen=True, repr=False)
class PrivateEBMResult(Result):
    """A private EBM and its release.

    Attributes
    ----------
    model : DPExplainableBoostingClassifier
        Built from the release only, so it contains only differentially private and public numbers.
    release : Release
        The release that the ledger stores.
    epsilon, delta : float
        The charged privacy loss. Neighbouring tables replace all rows of one person.
    """

    model: Any
    release: Release = field(repr=False)
    epsilon: float
    delta: float

    def totals(self) -> dict[str, Any]:
        """Return the number of terms and the charged privacy loss."""
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
    privacy_bounds: Mapping[str, Any],
    privacy: Privacy,
    max_bins: int = 32,
    max_rounds: int = 300,
    max_leaves: int = 3,
    learning_rate: float = 0.01,
    bin_budget_frac: float = 0.1,
) -> PrivateEBMResult:
    """Train a private EBM for two classes with one charge; one worker processes all rows.

    The model is (epsilon, delta)-differentially private for the replacement of one person's rows;
    the number of people is assumed to be public. interpret scales its noise for the addition of one
    row; a replacement is two such steps, so its noise is doubled here. The noise is sampled as
    floating-point numbers and not by an exact sampler.

    One row of each person is kept, chosen by a hash of that person's rows alone; rows without a
    person are left out. Values are clipped to their public bounds. A missing number becomes the
    middle of its bounds, missing and unknown categories are one category, and a missing class
    counts as the first one. One artificial row of missing values is always added per class, so
    that training succeeds whatever the data hold: a failure would disclose something about them.

    Object columns of pandas and Dask are read as the types that bounds and classes imply, value
    by value; a value of another type is missing.

    There is no private regression. Its scores leave the bounds of ``y_true``, so residuals exceed
    what interpret scales its noise to: turn the number into two classes.

    Parameters
    ----------
    frame : pandas, pyspark or dask DataFrame, pyarrow Table or DuckDB relation
        Rows of any number of people.
    features : str or list of str
        Columns to predict from.
    y_true : str
        Column of the classes.
    classes : (negative, positive)
        Public: the two values of ``y_true``.
    privacy_bounds : dict
        Public, for each feature: ``(low, high)``, or the list of its categories as text.
    privacy : Privacy
        With ``privacy_unit``, ``epsilon`` and a ``delta`` above 0. The scope must count
        replacements (``neighbours="replace"``).
    max_bins : int
        Bins per feature.
    max_rounds : int
        Rounds of boosting.
    max_leaves : int
        Leaves of each tree.
    learning_rate : float
        Learning rate of boosting.
    bin_budget_frac : float
        Share of epsilon, between 0 and 1, that is spent on the bins.

    Returns
    -------
    PrivateEBMResult

    Raises
    ------
    ConfigError
        If an option or bound is invalid; raised before any data are read.
    BudgetExceededError
        If the budget is too small; raised before any data are read.

    References
    ----------
    Nori, Caruana, Bu, Shen, Kulkarni (2021), arXiv:2106.09680; the last five options are those of
    interpret's ``DPExplainableBoostingClassifier``.
    """
    values = list(classes)
    if len(values) != _PAIR or values[0] == values[1]:
        raise ConfigError("classes must be the two public values of y_true, such as (0, 1).")
    if privacy.epsilon is None:
        raise ConfigError("a private EBM takes epsilon and delta, not rho.")
    epsilon, delta = float(exact(privacy.epsilon, "epsilon")), float(exact(privacy.delta, "delta"))
    unit = privacy.unit
    if not (epsilon > 0 and 0 < delta < 1 and 0 < bin_budget_frac < 1):
        raise ConfigError("epsilon must be above 0, delta and bin_budget_frac between 0 and 1.")
    features = names_of(features)
    if not features or {y_true, unit} & set(features):
        raise ConfigError("features must not be empty, nor contain y_true or the privacy unit.")
    engine = engine_of(frame)
    types = {name: _type_of(privacy_bounds.get(name)) for name in features}
    types |= {y_true: type_of_values(values), unit: pa.string()}
    frame = engine.declared(frame, types)
    schema = engine.schema(frame)
    check_columns([*features, y_true, unit], schema.names)
    columns = tuple(_column(name, privacy_bounds, schema) for name in features)
    settings = {
        "max_bins": max_bins,
        "max_rounds": max_rounds,
        "max_leaves": max_leaves,
        "learning_rate": learning_rate,
    }
    fit = FitPrivate(columns, y_true, values[1], unit, epsilon, delta, bin_budget_frac, settings)

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

    cost = Cost("private_ebm", privacy.epsilon, privacy.delta, neighbours=REPLACE)
    release = privacy.release(compute, costs=[cost], key=_release_key(fit, values, privacy))
    state = json.loads(release.table()["state"][0].as_py())
    return PrivateEBMResult(model_of(state, columns, values), release, epsilon, delta)


def _release_key(fit: FitPrivate, classes: Sequence[Any], privacy: Privacy) -> str | None:
    """Return the id of this model for this snapshot."""
    bounds = {c.name: c.categories or (c.low, c.high) for c in fit.columns}
    facts = {"features": list(bounds), "bounds": bounds, "classes": list(map(repr, classes))}
    parameters = {"epsilon": fit.epsilon, "delta": fit.delta, "dataset": privacy.dataset}
    parameters |= {"bin_budget_frac": fit.bin_budget_frac, **fit.settings}
    query = f"private EBM of {fit.target} per {fit.privacy_unit}"
    return idempotency_key(query, facts, parameters, privacy.snapshot)


def _try_out(fit: FitPrivate, schema: pa.Schema) -> None:
    try:
        fit.try_out(schema)
    except (ArithmeticError, NotImplementedError, TypeError, ValueError) as error:
        raise ConfigError(
            "a private EBM cannot be trained with these settings on columns of these types: "
            f"{str(error).rstrip('.')}. Nothing was charged and no row was read."
        ) from None


def _type_of(bounds: Any) -> pa.DataType:
    """Return the type as which a feature in a column of Python objects is read."""
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
