"""Training rows and predictions of both grid search and exponentiated gradient.

The learner trains on one machine, so its rows (features, label, sensitive and control features
only) are brought to the driver, at most ``max_rows``, unchanged or as distinct rows with counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fairlearn.reductions
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fairlearn.reductions import ErrorRate, LossMoment, Moment

from rai_scale.engines.arrow_types import canonical_column
from rai_scale.engines.frames import column_to_arrow, pandas_dtypes
from rai_scale.engines.key_values import key_values, number_values, safe_to_merge
from rai_scale.engines.shared_object import load_object
from rai_scale.errors import ConfigError, check_columns, did_you_mean
from rai_scale.fairness.mitigation.cell_moments import NO_CONTROL, counted
from rai_scale.fairness.mitigation.options import TrainingRows
from rai_scale.names import Names, names_of
from rai_scale.statistics.cells import count_cells, counts_of

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.engines.shared_file import SharedFile

COUNT = "_rai_count"
CONSTRAINTS = (
    "DemographicParity",
    "EqualizedOdds",
    "ErrorRateParity",
    "FalsePositiveRateParity",
    "TruePositiveRateParity",
)
Categories = Mapping[str, Sequence[Any]] | Sequence[str]


def moment_of(constraints: str | Moment) -> Moment:
    """Return a moment by its Fairlearn name, or the moment itself."""
    if isinstance(constraints, ErrorRate):
        raise ConfigError(
            "ErrorRate is an objective, not a constraint; did you mean ErrorRateParity?"
        )
    if isinstance(constraints, Moment):
        return constraints
    if constraints in CONSTRAINTS:
        return getattr(fairlearn.reductions, constraints)()
    raise ConfigError(
        f"unknown constraints {constraints!r}; choose one of {', '.join(CONSTRAINTS)}, or pass a "
        f"fairlearn moment such as BoundedGroupLoss(SquareLoss(0, 1))."
        f"{did_you_mean(str(constraints), CONSTRAINTS)}"
    )


@dataclass(frozen=True)
class TrainingColumns:
    """The roles of the columns."""

    features: tuple[str, ...]
    y_true: str
    sensitive: tuple[str, ...]
    control: tuple[str, ...] = ()

    @classmethod
    def of(cls, features: Names, y_true: str, sensitive: Names, control: Names) -> TrainingColumns:
        """Return the roles from a caller's names."""
        columns, groups, strata = (
            tuple(names_of(names)) for names in (features, sensitive, control)
        )
        return cls(columns, y_true, groups, strata)

    @property
    def columns(self) -> list[str]:
        """All columns, each once."""
        names = [*self.features, *self.control, *self.sensitive, self.y_true]
        return list(dict.fromkeys(names))


@dataclass(frozen=True)
class Training:
    """The training rows on this machine, in Fairlearn's form."""

    X: pd.DataFrame
    y: pd.Series
    sensitive: pd.DataFrame
    control: pd.DataFrame | None
    counts: np.ndarray | None

    def features_of_people(self) -> dict[str, Any]:
        """Return the arguments of ``load_data`` other than ``X`` and ``y``."""
        control = {} if self.control is None else {"control_features": self.control}
        return {"sensitive_features": self.sensitive, "counts": self.counts, **control}


@dataclass(frozen=True)
class _Select:
    """Keep some columns; marked as cheap, so that the local engine starts no process for it."""

    names: tuple[str, ...]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        return table.select(list(self.names))


def collect_training(
    engine: Engine,
    frame: Any,
    roles: TrainingColumns,
    moment: Moment,
    training: TrainingRows,
    *,
    categorical_features: Categories,
) -> pa.Table:
    """Bring the training rows to the driver, in the order that ``training`` describes.

    Distinct rows are always sorted.

    Raises
    ------
    ConfigError
        If there are more than ``max_rows`` rows, labels other than 0 and 1, missing values in
        a label, sensitive or control feature, or the moment has no counted form.
    """
    if roles.control and isinstance(moment, LossMoment):
        raise ConfigError(NO_CONTROL)
    counted(moment)  # refuses moments without a counted form before any rows are collected
    row_order = training.row_order
    names = list(dict.fromkeys([*roles.columns, *([row_order] if row_order else [])]))
    schema = engine.schema(frame)
    check_columns([*names, *categorical_features], schema.names)
    rows = _check_people(engine, frame, roles, isinstance(moment, LossMoment))
    if training.train_on == "distinct_rows":
        table = counts_of(engine, frame, roles.columns, (), training.max_rows)
        table = table.rename_columns([*roles.columns, COUNT])
        table = table.sort_by([(name, "ascending") for name in roles.columns])
    else:
        _check_limit(rows, training.max_rows)
        kept = pa.schema([schema.field(name) for name in names])
        chosen = engine.map_partitions(
            frame, _Select(tuple(names)), kept, inputs=names, label="reductions"
        )
        table = _ordered(engine.collect(chosen), row_order, engine.name).select(roles.columns)
    _check_missing_labels(table, roles.y_true)
    categories = categories_of(frame, table, roles.features, categorical_features)
    about = {"roles": vars(roles), "categories": categories}
    return table.replace_schema_metadata({"rai_scale": json.dumps(about)})


def training_of(table: pa.Table) -> Training:
    """Convert collected rows to Fairlearn's form."""
    roles, categories = noted_columns(table)
    control = _people(table, roles.control) if roles.control else None
    counts = table[COUNT].to_numpy() if COUNT in table.column_names else None
    X = feature_frame(table, roles.features, categories)
    people = _people(table, roles.sensitive)
    y = pd.Series(number_values(table[roles.y_true]), name=roles.y_true)
    return Training(X, y, people, control, counts)


def read_training(path: str) -> Training:
    """Read the published file of training rows; called once per worker process."""
    return training_of(pq.read_table(path))


def noted_columns(table: pa.Table) -> tuple[TrainingColumns, dict[str, list[Any]]]:
    """Return the roles and the categories that :func:`collect_training` recorded."""
    about = json.loads(table.schema.metadata[b"rai_scale"])
    roles: dict[str, Any] = about["roles"]
    for name in ("features", "sensitive", "control"):
        roles[name] = tuple(roles[name])
    return TrainingColumns(**roles), about["categories"]


def feature_frame(
    table: pa.Table, features: Sequence[str], categories: Mapping[str, Sequence[Any]]
) -> pd.DataFrame:
    """Return the features in pandas types; categories get the category dtype."""
    columns = {}
    for name in features:
        decimal = pa.types.is_decimal(table[name].type)
        columns[name] = (table[name].cast(pa.float64()) if decimal else table[name]).to_pandas()
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))
    for name in features:
        if name in categories:
            frame[name] = pd.Categorical(frame[name], categories=list(categories[name]))
    return frame


def categories_of(
    frame: Any, table: pa.Table, features: Sequence[str], asked: Categories
) -> dict[str, list[Any]]:
    """Return each categorical feature's categories: as given, from its dtype, or its values."""
    dtypes = dict(() if (known := pandas_dtypes(frame)) is None else known)
    found: dict[str, list[Any]] = {}
    for name in features:
        dtype = dtypes.get(name)
        given = list(asked[name]) if isinstance(asked, Mapping) and name in asked else None
        if given is None and isinstance(dtype, pd.CategoricalDtype):
            values = column_to_arrow(pd.Series(dtype.categories))
            given = number_values(canonical_column(pa.chunked_array([values]))).tolist()
            given = None if "__UNKNOWN_CATEGORIES__" in given else given  # dask's own mark
        elif given is None and name not in asked:
            continue
        found[name] = given or sorted(number_values(pc.unique(table[name].drop_null())).tolist())
    return found


@dataclass(frozen=True)
class Predict:
    """A table function that adds the predictions of the predictors in ``file``, by name."""

    file: SharedFile
    features: tuple[str, ...]
    categories: Mapping[str, Sequence[Any]]
    outputs: pa.Schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one column per predictor."""
        X = feature_frame(table, self.features, self.categories)
        predictors = self.file.load(load_object)
        values = [np.asarray(predictors[f.name](X)).reshape(-1) for f in self.outputs]
        return pa.table(
            [
                pa.array(v.astype(f.type.to_pandas_dtype()))
                for v, f in zip(values, self.outputs, strict=True)
            ],
            schema=self.outputs,
        )


def _people(table: pa.Table, names: Sequence[str]) -> pd.DataFrame:
    return safe_to_merge(pd.DataFrame({name: key_values(table[name]) for name in names}))


def _ordered(table: pa.Table, row_order: str | None, engine: str) -> pa.Table:
    if row_order is not None:
        return table.sort_by(row_order)
    if engine == "spark":
        return table.sort_by([(name, "ascending") for name in table.column_names])
    return table


def _check_people(engine: Engine, frame: Any, roles: TrainingColumns, is_loss: bool) -> int:
    """Check labels and groups natively, before rows are collected; return the number of rows."""
    if not roles.features or not roles.sensitive:
        raise ConfigError("give at least one feature and one sensitive feature.")
    keys = [*roles.control, *roles.sensitive, *([] if is_loss else [roles.y_true])]
    cells = count_cells(engine, frame, list(dict.fromkeys(keys)))
    if not is_loss and not set(cells.keys[roles.y_true].unique()) <= {0, 1}:
        raise ConfigError(f"column {roles.y_true!r} has labels other than 0 and 1; map them first.")
    if cells.rows == 0:
        raise ConfigError("the table has no rows to train on.")
    if cells.rows == 1:
        raise ConfigError("the table has a single row; reductions need more.")
    return cells.rows


def _check_limit(rows: int, max_rows: int) -> None:
    if rows > max_rows:
        raise ConfigError(
            f"the table has {rows:,} rows, but a learner that trains on one machine gets at most "
            f"max_rows = {max_rows:,}. Train on a sample, raise max_rows in TrainingRows, use "
            f"train_on='distinct_rows' if the features are discrete, or a learner of the engine "
            "(rai_scale.fairness.mitigation.engine_learner)."
        )


def _check_missing_labels(table: pa.Table, y_true: str) -> None:
    missing = pc.sum(pc.is_null(table[y_true], nan_is_null=True)).as_py() or 0
    if missing:
        raise ConfigError(f"column {y_true!r} is missing in {missing:,} rows; drop or fill them.")
