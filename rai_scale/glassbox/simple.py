"""Linear, tree and APLR models by name, trained on a keyed sample of a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, MissingExtraError, check_columns, did_you_mean
from rai_scale.glassbox.bins import category_texts, feature_kinds
from rai_scale.glassbox.ebm import TASKS, task_of
from rai_scale.models.background import sample_rows
from rai_scale.names import names_of
from rai_scale.results import Result, Tables
from rai_scale.statistics.score_bins import as_floats, raise_missing

MODELS = ("linear", "tree", "aplr")
PENALTIES = ("l1", "l2")
SAMPLE_ROWS = 100_000
_Params = Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class GlassboxResult(Result):
    """A glass-box model and the number of rows that it was trained on.

    Attributes
    ----------
    model : scikit-learn pipeline, or interpret's APLR model
        Reads a pandas frame of ``features``: floats, and text for nominal features.
    name : {"linear", "tree", "aplr"}
        Name of the model.
    task : {"classification", "regression"}
        Kind of the model.
    features : tuple of str
        Columns that the model reads.
    rows : int
        Number of rows that the model was trained on.
    total : int
        Number of rows of the frame.
    """

    model: Any
    name: str
    task: str
    features: tuple[str, ...]
    rows: int
    total: int

    def totals(self) -> dict[str, Any]:
        """Return the model, the task and the numbers of features and rows."""
        sizes = {"features": len(self.features), "rows": self.rows, "of": self.total}
        return {"model": self.name, "task": self.task, **sizes}

    def _tables(self) -> Tables:
        return {"features": lambda: pd.DataFrame({"feature": self.features})}

    def _numbers(self) -> dict[str, float]:
        return {"rows": self.rows, "total": self.total}


def train_glassbox(
    frame: Any,
    *,
    features: str | Sequence[str],
    y_true: str,
    model: str = "linear",
    task: str | None = None,
    feature_types: Mapping[str, str] | None = None,
    penalty: str = "l2",
    max_rows: int = SAMPLE_ROWS,
    model_params: Mapping[str, Any] | None = None,
    random_state: int = 0,
) -> GlassboxResult:
    """Train a linear, tree or APLR model on at most ``max_rows`` rows; executes.

    The rows are drawn uniformly by keyed hashes, independently of partitions. Missing numbers
    become the median, missing categories form their own category, and categories become indicator
    columns.

    Parameters
    ----------
    frame : pandas, pyspark or dask DataFrame, pyarrow Table or DuckDB relation
        The rows to sample from.
    features, y_true, task
        As in :func:`~rai_scale.glassbox.ebm.train_ebm`.
    model : {"linear", "tree", "aplr"}
        ``linear``: logistic regression, or ridge (``l2``) and lasso (``l1``), on standardised
        numbers. ``tree``: a decision tree of depth 3 unless ``max_depth`` is given. ``aplr``:
        interpret's Automatic Piecewise Linear Regression, which needs the package ``aplr``.
    feature_types : dict, optional
        ``"continuous"`` or ``"nominal"`` per feature.
    penalty : {"l1", "l2"}
        Penalty of ``linear``.
    max_rows : int
        Maximum number of rows to train on.
    model_params : dict, optional
        Parameters of the scikit-learn or interpret class, by their own names.
    random_state : int
        Seed of the drawn rows and of the model.

    Returns
    -------
    GlassboxResult

    Raises
    ------
    ConfigError
        If the model or penalty is unknown, or ``y_true`` is missing in some rows.
    MissingExtraError
        If ``aplr`` is asked for and not installed.
    """
    features = names_of(features)
    _check_arguments(model, penalty, task, features, y_true)
    engine = engine_of(frame)
    schema = engine.schema(frame)
    check_columns([*features, y_true], schema.names)
    kinds = feature_kinds(schema, features, feature_types)
    if not all(isinstance(kind, str) for kind in kinds.values()):
        raise ConfigError("cut points are for EBMs only; give continuous or nominal.")
    task, _ = task_of(engine, frame, schema, y_true, task)
    rows = sample_rows(engine, frame, [*features, y_true], max_rows, random_state)
    y: Any = rows[y_true].to_numpy()
    if task == "regression":
        y = as_floats(rows[y_true])
        raise_missing(int((~np.isfinite(y)).sum()), "y_true", y_true)
    frame_x = glassbox_frame(rows, kinds)
    order = np.lexsort([pd.factorize(frame_x[n], sort=True)[0] for n in frame_x])
    made = _make(model, task, kinds, penalty, random_state, model_params or {})
    made.fit(frame_x.iloc[order].reset_index(drop=True), y[order])
    total = sum(engine.group_counts(frame, [y_true]).column("count").to_pylist())
    return GlassboxResult(made, model, task, tuple(features), rows.num_rows, int(total))


def glassbox_frame(table: pa.Table, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return the features as floats and text; missing text becomes ``"missing"``."""
    made: dict[str, Any] = {}
    for name, kind in kinds.items():
        if kind == "continuous":
            made[name] = as_floats(table[name])
        else:
            texts = category_texts(table[name])
            made[name] = np.array(["missing" if t is None else t for t in texts], dtype=object)
    return pd.DataFrame(made)


def _check_arguments(
    model: str, penalty: str, task: str | None, features: Sequence[str], y_true: str
) -> None:
    for value, known, what in ((model, MODELS, "model"), (penalty, PENALTIES, "penalty")):
        if value not in known:
            raise ConfigError(
                f"unknown {what} {value!r}; choose one of {', '.join(known)}."
                f"{did_you_mean(value, known)}"
            )
    if task is not None and task not in TASKS:
        raise ConfigError(f"unknown task {task!r}; choose one of {', '.join(TASKS)}.")
    if not features or y_true in features:
        raise ConfigError("features must name at least one column, and must not include y_true.")
    if model == "aplr":
        try:
            import aplr  # noqa: F401
        except ImportError:
            raise MissingExtraError("aplr", "explain") from None


def _make(  # noqa: PLR0917
    model: str,
    task: str,
    kinds: Mapping[str, str],
    penalty: str,
    seed: int,
    params: Mapping[str, Any],
) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [name for name, kind in kinds.items() if kind == "continuous"]
    texts = [name for name, kind in kinds.items() if kind == "nominal"]
    numeric = [SimpleImputer(strategy="median", keep_empty_features=True)]
    if model == "linear":
        numeric.append(StandardScaler())
    prepare = ColumnTransformer(
        [
            ("numbers", make_pipeline(*numeric), numbers),
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
        ],
        verbose_feature_names_out=False,
    )
    estimator = {"linear": _linear, "tree": _tree, "aplr": _aplr}[model]
    return Pipeline([("prepare", prepare), ("model", estimator(task, penalty, seed, params))])


def _linear(task: str, penalty: str, seed: int, params: _Params) -> Any:
    from sklearn.linear_model import Lasso, LogisticRegression, Ridge

    if task == "regression":
        return Ridge(**params) if penalty == "l2" else Lasso(**{"random_state": seed, **params})
    ratio = 1.0 if penalty == "l1" else 0.0
    solver = "saga" if penalty == "l1" else "lbfgs"
    known = {"l1_ratio": ratio, "solver": solver, "max_iter": 1000, "random_state": seed}
    return LogisticRegression(**{**known, **params})


def _tree(task: str, penalty: str, seed: int, params: _Params) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    known = {"max_depth": 3, "random_state": seed, **params}
    made = DecisionTreeClassifier if task == "classification" else DecisionTreeRegressor
    return made(**known)


def _aplr(task: str, penalty: str, seed: int, params: _Params) -> Any:
    from interpret.glassbox import APLRClassifier, APLRRegressor

    made = APLRClassifier if task == "classification" else APLRRegressor
    return made(**{"random_state": seed, **params})
