"""Explainable Boosting Machines from partitioned tables: one EBM per shard, merged by interpret."""

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
from rai_scale.glassbox.options import EBMParams, Shards
from rai_scale.glassbox.pairs import find_pairs
from rai_scale.glassbox.shards import BUCKET, BUCKETS, SHARD, Buckets, ShardOfRow, plan_shards
from rai_scale.models.background import sample_rows
from rai_scale.names import names_of
from rai_scale.statistics.score_bins import check_numeric, raise_missing

SAMPLE_ROWS = 200_000
PAIR_ROWS = 50_000
SHARD_ROWS = 50_000
MAX_SHARDS = 16
BAGS = 16
DEFAULTS = {"max_bins": 1024, "max_interaction_bins": 32}
"""Bins of a feature for its own term and for pairs; interpret's default for pairs is 64."""
MAX_CLASSES = 100
SMALL_SHARD = 50_000
SMOOTHING = {"smoothing_rounds": 600, "interaction_smoothing_rounds": 600}
"""For small shards, whose shapes are noisy; an average of few shapes keeps much of the noise."""
SHARD_SEED = 1_000_003
"""Added to the seed, so that shards and the sample are drawn independently."""
TASKS = ("classification", "regression")


def train_ebm(
    frame: Any,
    *,
    features: str | Sequence[str],
    y_true: str,
    task: str | None = None,
    sample_weight: str | None = None,
    feature_types: Mapping[str, Any] | None = None,
    interactions: Any = "3x",
    shards: Shards | int | None = None,
    key_columns: str | Sequence[str] | None = None,
    ebm_params: EBMParams | None = None,
    random_state: int = 0,
) -> EBMResult:
    """Train an EBM on a frame of any size; executes.

    All shards share cut points and categories, which are computed from all rows, and pairs of
    features, which are computed from a sample. Rows are assigned to shards by a keyed hash, evenly
    within each class, so the result does not depend on the order or the partitions of the frame.
    The EBM of each shard is trained as a separate task, and interpret's ``merge_ebms`` averages
    them (Nori et al. 2019, arXiv:1909.09223).

    Parameters
    ----------
    frame : pandas, pyspark or dask DataFrame, pyarrow Table or DuckDB relation
        It is read several times: persist a frame that is costly to compute.
    features : list of str
        Columns to predict from. Numbers are continuous and other types nominal, unless
        ``feature_types`` is given.
    y_true : str
        Column of the true classes or values, without missing values.
    task : {"classification", "regression"}, optional
        By default, a numeric ``y_true`` with more than two values is a regression. For more than
        two numeric classes, give ``"classification"``.
    sample_weight : str, optional
        Column of weights above 0.
    feature_types : dict, optional
        ``"continuous"``, ``"nominal"`` or a list of cut points per feature.
    interactions : int, float, str or list of pairs
        Number of pairs as in interpret (``"3x"``: three pairs per feature), which FAST selects on
        at most 50,000 rows; or a list of pairs of feature names. By default, there are no pairs for
        more than two classes.
    shards : Shards, or int for ``Shards(count)``, optional
        How the rows are divided.
    key_columns : list of str, optional
        Columns whose hash determines the shard of a row, such as a person's id. By default all
        columns, which is an error for several shards if most rows are duplicates.
    ebm_params : EBMParams, optional
        Parameters of interpret's class.
    random_state : int
        Seed of the hash, and of interpret's draws.

    Returns
    -------
    EBMResult

    Raises
    ------
    ConfigError
        If an argument is invalid or does not suit the other arguments or the frame, ``y_true`` or
        weights are missing in some rows, or there is only one class.
    MissingColumnError
        If a column is not in the frame.
    """
    features = names_of(features)
    _check_arguments(features, y_true, task, sample_weight)
    asked = shards if isinstance(shards, Shards) else Shards(shards)
    params = {**DEFAULTS, **(ebm_params or EBMParams()).given()}
    bins = [params.pop(name) for name in DEFAULTS]
    engine = engine_of(frame)
    schema = engine.schema(frame)
    keys = names_of(key_columns) or _plain_columns(schema)
    weights = [] if sample_weight is None else [sample_weight]
    check_columns([*features, y_true, *weights, *keys], schema.names)
    kinds = feature_kinds(schema, features, feature_types)
    task, classes = task_of(engine, frame, schema, y_true, task)
    buckets = Buckets(tuple(keys), random_state + SHARD_SEED)
    counts = _count(engine, frame, schema, buckets, y_true, classes)
    total, started = int(counts.sum()), time.perf_counter()
    wanted = asked.count or min(MAX_SHARDS, max(1, total // SHARD_ROWS))
    dealt = plan_shards(counts, wanted, asked.min_rows, keys, named=key_columns is not None)
    made, seconds = len(dealt.rows), {}
    used = list(dict.fromkeys([*features, y_true, *weights, *keys]))
    sample = sample_rows(engine, frame, used, SAMPLE_ROWS, random_state)
    columns = find_columns(engine, frame, kinds, sample, sample.num_rows == total, *bins)
    seconds["bins"], started = _lap(started)
    smooth = SMOOTHING if made > 1 and total / made < SMALL_SHARD else {}
    params = {**smooth, "outer_bags": max(2, -(-BAGS // made)), **params}
    plan = FitPlan(columns, (), task, y_true, sample_weight, random_state, params)
    several = classes is not None and len(classes) > 2  # noqa: PLR2004
    interactions = 0 if several and interactions == "3x" else interactions
    pairs = find_pairs(plan, interactions, sample.slice(0, PAIR_ROWS), bins[1])
    plan = replace(plan, pairs=pairs)
    seconds["pairs"], started = _lap(started)
    models = _fit(engine, frame, ShardOfRow(buckets, y_true, classes, dealt.assigned), plan)
    seconds["fit"], started = _lap(started)
    model = merge_shards(models)
    seconds["merge"], _ = _lap(started)
    return EBMResult(
        model=model,
        task=task,
        y_true=y_true,
        columns=columns,
        pairs=tuple((columns[i].name, columns[j].name) for i, j in pairs),
        shard_rows=tuple(dealt.rows.sum(axis=1).tolist()),
        notes=dealt.notes,
        seconds=seconds,
    )


def _lap(started: float) -> tuple[float, float]:
    now = time.perf_counter()
    return now - started, now


def _check_arguments(
    features: Sequence[str], y_true: str, task: str | None, weight: str | None
) -> None:
    if task is not None and task not in TASKS:
        raise ConfigError(f"unknown task {task!r}; choose one of {', '.join(TASKS)}.")
    if not features or len(set(features)) != len(features):
        raise ConfigError("features must name at least one column, each once.")
    if {y_true, weight} & set(features):
        raise ConfigError("y_true and sample_weight cannot be features.")


def _plain_columns(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if not pa.types.is_nested(field.type)]


def task_of(
    engine: Engine, data: Any, schema: pa.Schema, y_true: str, task: str | None
) -> tuple[str, tuple[Any, ...] | None]:
    """Return the task, and for a classification its classes, sorted."""
    kind = schema.field(y_true).type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if task == "regression":
        check_numeric(schema, y_true, "y_true")
        return task, None
    limit = 2 + 1 if task is None and number else MAX_CLASSES  # a null counts as a value
    try:
        counted = engine.group_counts(data, [y_true], limit=limit)
    except TooManyGroupsError:
        if task is None and number:
            return "regression", None
        raise ConfigError(f"y_true {y_true!r} has more than {MAX_CLASSES} classes.") from None
    values, rows = counted.column(0), counted.column(1).to_numpy()
    missing = np.asarray(values.is_null(nan_is_null=True))
    raise_missing(int(rows[missing].sum()), "y_true", y_true)
    classes = sorted(value for value in values.to_pylist())
    if task is None and number and len(classes) > 2:  # noqa: PLR2004
        return "regression", None
    if len(classes) < 2:  # noqa: PLR2004
        raise ConfigError(f"y_true {y_true!r} has {len(classes)} class; at least two are needed.")
    return "classification", tuple(classes)


def _count(  # noqa: PLR0917
    engine: Engine,
    data: Any,
    schema: pa.Schema,
    buckets: Buckets,
    y_true: str,
    classes: tuple[Any, ...] | None,
) -> np.ndarray:
    """Return the rows per class and bucket, int64 of shape (classes or 1, BUCKETS)."""
    outputs = pa.schema([(BUCKET, pa.int32())])
    inputs = list(buckets.columns)
    marked = engine.with_columns(data, buckets, outputs, inputs=inputs, label="ebm shards")
    keys = [BUCKET] if classes is None else [y_true, BUCKET]
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


def _fit(engine: Engine, data: Any, shards: ShardOfRow, plan: FitPlan) -> list[Any]:
    """Fit each shard in a worker; models in the order of shards."""
    inputs = list(dict.fromkeys([*shards.buckets.columns, plan.y_true]))
    outputs = pa.schema([(SHARD, pa.int32())])
    marked = engine.with_columns(data, shards, outputs, inputs=inputs, label="ebm shards")
    fitted = engine.map_groups(
        marked, [SHARD], FitShard(plan), MODELS, inputs=[SHARD, *plan.inputs], label="ebm"
    )
    found = engine.collect(fitted).sort_by(SHARD)
    return [pickle.loads(model) for model in found["model"].to_pylist()]  # noqa: S301 - our own
