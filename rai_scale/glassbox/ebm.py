"""Explainable Boosting Machines from partitioned tables: an EBM per shard, merged by interpret."""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns
from rai_scale.glassbox.bins import feature_kinds, find_columns
from rai_scale.glassbox.ebm_result import EBMResult
from rai_scale.glassbox.fit import MODELS, FitPlan, FitShard, merge_shards
from rai_scale.glassbox.pairs import find_pairs
from rai_scale.glassbox.shards import BUCKET, BUCKETS, SHARD, Buckets, Shards, plan_shards
from rai_scale.models.background import sample_rows
from rai_scale.names import names_of
from rai_scale.statistics.score_bins import check_numeric, raise_missing

SAMPLE_ROWS = 200_000
PAIR_ROWS = 50_000
SHARD_ROWS = 50_000
MAX_SHARDS = 16
BAGS = 16
MAX_CLASSES = 100
SMALL_SHARD = 50_000
SMOOTHING = {"smoothing_rounds": 600, "interaction_smoothing_rounds": 600}
"""Of small shards: their steps are noisy, and an average of few of them keeps much of the noise."""
SHARD_SEED = 1_000_003
"""Shards and the sample are drawn apart, under seeds that differ by this."""
TASKS = ("classification", "regression")


def train_ebm(
    frame: Any,
    *,
    features: str | Sequence[str],
    y_true: str,
    task: str | None = None,
    shards: int | None = None,
    feature_types: Mapping[str, Any] | None = None,
    interactions: Any = "3x",
    max_bins: int = 1024,
    max_interaction_bins: int = 32,
    sample_weight: str | None = None,
    random_state: int = 0,
    min_rows_per_shard: int = 5_000,
    key_columns: str | Sequence[str] | None = None,
    outer_bags: int | None = None,
    **ebm_params: Any,
) -> EBMResult:
    """Train an EBM on a frame of any size; runs it.

    Cut points and categories come from all rows, pairs from a sample; both are shared. Rows are
    dealt to shards by a keyed hash, evenly within each class, so that neither the order nor the
    partitions of the frame matter. Each shard's EBM is a task of its own, and interpret's
    ``merge_ebms`` averages them (Nori et al. 2019, arXiv:1909.09223).

    Parameters
    ----------
    frame : pandas, pyspark or dask DataFrame, pyarrow Table or DuckDB relation
        It is read several times: persist a frame that is costly to compute.
    features : list of str
        Numbers are continuous and everything else nominal, unless ``feature_types`` says otherwise.
    y_true : str
        Without missing values.
    task : {"classification", "regression"}, optional
        By default numbers of more than two values are a regression. Several classes of numbers
        have to be said.
    shards : int, optional
        By default one per 50,000 rows, at most 16. Fewer are made, with a note, where there are
        not ``min_rows_per_shard`` rows, or 10 of each class, for each.
    feature_types : dict, optional
        ``"continuous"``, ``"nominal"`` or a list of cut points per feature.
    interactions : int, float, str or list of pairs
        As in interpret (``"3x"``: three pairs per feature), found by FAST on at most 50,000 rows;
        or the pairs of names. None by default for more than two classes.
    max_bins, max_interaction_bins : int
        Bins per feature for its own term and for pairs (interpret's default for pairs is 64).
    sample_weight : str, optional
        Column of weights above 0.
    random_state : int
        Of the hash, and of interpret's draws.
    min_rows_per_shard : int
    key_columns : list of str, optional
        What is hashed to choose a shard, such as a person's id; by default the whole row, which is
        refused for several shards where most rows repeat others.
    outer_bags : int, optional
        Bags per shard. By default so many that all shards together have 16, at least 2 in each.
    **ebm_params
        Passed to interpret's class, such as ``max_rounds`` or ``learning_rate``. Several shards of
        fewer than 50,000 rows have 600 smoothing rounds unless ``smoothing_rounds`` is given;
        interpret has 75.

    Returns
    -------
    EBMResult

    Raises
    ------
    ConfigError, MissingColumnError
        If arguments do not fit each other or the frame, the target or weights are missing in some
        rows, or there is one class only.
    """
    features = names_of(features)
    _check_arguments(features, y_true, task, shards, sample_weight, ebm_params)
    engine = engine_of(frame)
    schema = engine.schema(frame)
    keys = list(key_columns or _plain(schema))
    weights = [] if sample_weight is None else [sample_weight]
    check_columns([*features, y_true, *weights, *keys], schema.names)
    kinds = feature_kinds(schema, features, feature_types)
    task, classes = task_of(engine, frame, schema, y_true, task)
    buckets = Buckets(tuple(keys), random_state + SHARD_SEED)
    counts = _count(engine, frame, schema, buckets, y_true, classes)
    total, started = int(counts.sum()), time.perf_counter()
    wanted = shards or min(MAX_SHARDS, max(1, total // SHARD_ROWS))
    dealt = plan_shards(counts, wanted, min_rows_per_shard, keys, named=key_columns is not None)
    made, seconds = len(dealt.rows), {}
    used = list(dict.fromkeys([*features, y_true, *weights]))
    sample = sample_rows(
        engine, frame, list(dict.fromkeys([*used, *keys])), SAMPLE_ROWS, random_state
    )
    columns = find_columns(
        engine, frame, kinds, sample, sample.num_rows == total, max_bins, max_interaction_bins,
    )  # fmt: skip
    seconds["bins"], started = _lap(started)
    bags = outer_bags or max(2, -(-BAGS // made))
    smooth = SMOOTHING if made > 1 and total / made < SMALL_SHARD else {}
    params = {**smooth, **ebm_params, "outer_bags": bags}
    plan = FitPlan(columns, (), task, y_true, sample_weight, random_state, params)
    several = classes is not None and len(classes) > 2  # noqa: PLR2004
    asked = 0 if several and interactions == "3x" else interactions
    rows = sample.slice(0, PAIR_ROWS)
    pairs = find_pairs(plan, asked, rows, max_interaction_bins)
    plan = replace(plan, pairs=pairs)
    seconds["pairs"], started = _lap(started)
    dealer = Shards(buckets, y_true, classes, dealt.assigned)
    models = _fit(engine, frame, dealer, plan)
    seconds["fit"], started = _lap(started)
    model = merge_shards(models)
    seconds["merge"], _ = _lap(started)
    return EBMResult(
        model=model,
        task=task,
        target=y_true,
        columns=columns,
        pairs=tuple((columns[i].name, columns[j].name) for i, j in pairs),
        shard_rows=tuple(dealt.rows.sum(axis=1).tolist()),
        notes=dealt.notes,
        seconds=seconds,
    )


def _lap(started: float) -> tuple[float, float]:
    now = time.perf_counter()
    return now - started, now


def _check_arguments(  # noqa: PLR0917
    features: Sequence[str],
    target: str,
    task: str | None,
    shards: int | None,
    weight: str | None,
    params: Mapping[str, Any],
) -> None:
    if task is not None and task not in TASKS:
        raise ConfigError(f"unknown task {task!r}; choose one of {', '.join(TASKS)}.")
    if not features or len(set(features)) != len(features):
        raise ConfigError("features must name at least one column, each once.")
    if {target, weight} & set(features):
        raise ConfigError("the target and the sample weight cannot be features.")
    if shards is not None and shards < 1:
        raise ConfigError(f"shards must be at least 1, found {shards}.")
    fixed = {"feature_names", "exclude", "random_state", "callback", "binning"} & set(params)
    if fixed:
        raise ConfigError(f"{', '.join(sorted(fixed))} cannot be set here; give random_state.")


def _plain(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if not pa.types.is_nested(field.type)]


def task_of(
    engine: Engine, data: Any, schema: pa.Schema, target: str, task: str | None
) -> tuple[str, tuple[Any, ...] | None]:
    """Return the task, and for a classification its classes, sorted."""
    kind = schema.field(target).type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if task == "regression":
        check_numeric(schema, target, "target")
        return task, None
    limit = 2 + 1 if task is None and number else MAX_CLASSES  # a null counts
    try:
        counted = engine.group_counts(data, [target], limit=limit)
    except TooManyGroupsError:
        if task is None and number:
            return "regression", None
        raise ConfigError(f"the target {target!r} has more than {MAX_CLASSES} classes.") from None
    values, rows = counted.column(0), counted.column(1).to_numpy()
    missing = np.asarray(values.is_null(nan_is_null=True))
    raise_missing(int(rows[missing].sum()), "target", target)
    classes = sorted(value for value in values.to_pylist())
    if task is None and number and len(classes) > 2:  # noqa: PLR2004
        return "regression", None
    if len(classes) < 2:  # noqa: PLR2004
        raise ConfigError(f"the target {target!r} has {len(classes)} class; two are needed.")
    return "classification", tuple(classes)


def _count(  # noqa: PLR0917
    engine: Engine,
    data: Any,
    schema: pa.Schema,
    buckets: Buckets,
    target: str,
    classes: tuple[Any, ...] | None,
) -> np.ndarray:
    """Return the rows per class and bucket, int64 of shape (classes or 1, BUCKETS)."""
    outputs = pa.schema([(BUCKET, pa.int32())])
    inputs = list(buckets.columns)
    marked = engine.with_columns(data, buckets, outputs, inputs=inputs, label="ebm shards")
    keys = [BUCKET] if classes is None else [target, BUCKET]
    counted = engine.group_counts(marked, keys)
    code: Any = 0
    if classes is not None:
        code = [classes.index(value) for value in counted.column(0).to_pylist()]
    counts = np.zeros((len(classes or (0,)), BUCKETS), dtype=np.int64)
    bucket = counted.column(len(keys) - 1).to_numpy()
    counts[code, bucket] = counted.column(len(keys)).to_numpy()
    if not counts.sum():
        raise ConfigError("the frame has no rows.")
    return counts


def _fit(engine: Engine, data: Any, shards: Shards, plan: FitPlan) -> list[Any]:
    """Fit each shard in a worker; models in the order of shards."""
    inputs = list(dict.fromkeys([*shards.buckets.columns, plan.target]))
    outputs = pa.schema([(SHARD, pa.int32())])
    marked = engine.with_columns(data, shards, outputs, inputs=inputs, label="ebm shards")
    fitted = engine.map_groups(
        marked, [SHARD], FitShard(plan), MODELS, inputs=[SHARD, *plan.inputs], label="ebm"
    )
    found = engine.collect(fitted).sort_by(SHARD)
    return [pickle.loads(model) for model in found["model"].to_pylist()]  # noqa: S301 - our own
