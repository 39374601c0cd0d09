"""``counterfactuals``: small changes of rows that change the prediction, found by dice-ml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.engines.shared_object import publish_object
from rai_scale.error_analysis.column_kinds import check_used
from rai_scale.error_analysis.counterfactual.features import Feature, features_of, limited
from rai_scale.error_analysis.counterfactual.search import (
    CHANGED,
    NOTE,
    NUMBER,
    PREDICTION,
    CounterfactualRows,
    Search,
)
from rai_scale.errors import (
    ConfigError,
    MissingExtraError,
    did_you_mean,
)
from rai_scale.models.background import Background
from rai_scale.models.ready_model import ReadyModel, SharedObject, ready_model
from rai_scale.names import Names, names_of

METHODS = ("random", "genetic", "kdtree")
ROWS = 1_000
_TWO = 2


def counterfactuals(
    model: Any,
    rows: Any,
    frame: Any,
    *,
    features: Names,
    total: int = 4,
    permitted: Mapping[str, Sequence[Any]] | None = None,
    features_to_vary: Names | None = None,
    categorical: Names = (),
    desired_class: Any = None,
    desired_range: tuple[float, float] | None = None,
    method: str = "random",
    background: Background | Any = None,
    random_state: int = 0,
) -> Any:
    """Find small changes of each row that change its prediction, by dice-ml in the workers; lazy.

    dice-ml is given the ranges and categories of all rows of ``frame``, and a sample of its rows.
    Each counterfactual is checked: its prediction is the desired one, and each changed value is
    permitted; dice-ml's own rounding and its search for fewer changes can violate both. A
    counterfactual shows how the model behaves. It does not show what a person can change, or what
    would happen in the world.

    Parameters
    ----------
    model : Model, or an estimator, function or path for ``Model(...)``
        A classifier with probabilities, or a regression. It is called up to 2,000 times per row.
    rows : DataFrame, DuckDB relation or pyarrow.Table
        The rows to explain; keep them few.
    frame : DataFrame, DuckDB relation or pyarrow.Table
        All rows: the ranges, the categories, and the sample are taken from it; executes.
    features : str or sequence of str
        Columns that the model reads: numbers, text, or true and false.
    total : int
        The most counterfactuals of a row.
    permitted : mapping of str to sequence, optional
        The values that a feature may be changed to: the lowest and the highest number, or a list of
        categories. By default those of all rows.
    features_to_vary : str or sequence of str, optional
        The features that may be changed; by default all.
    categorical : str or sequence of str
        Features of numbers that are categories; text always is.
    desired_class : class, optional
        The class that is to be predicted. By default the other one of two.
    desired_range : tuple of (float, float), optional
        For a regression: the lowest and the highest prediction that is desired.
    method : {"random", "genetic", "kdtree"}
        dice-ml's: random changes, a genetic search for small changes, or rows of the sample.
    background : Background, or a frame for ``Background(frame=...)``, optional
        By default a uniform sample of 1,000 rows of ``frame``; rows with missing values are not
        used.
    random_state : int
        Of the sample. The random numbers of a row depend on it and on the row's own values.

    Returns
    -------
    DataFrame of the kind of ``rows``
        Each row is followed by its counterfactuals: the columns of ``rows`` that are not features;
        ``counterfactual`` (int64: 0 is the row itself), the features, ``prediction`` (the
        probability of the desired class, or of the second of two; or the predicted value),
        ``changed`` (names of the changed features), and ``note`` (why a row has no counterfactual).

    Raises
    ------
    MissingExtraError
        If dice-ml is not installed.
    MissingColumnError
        If a column does not exist.
    ConfigError
        If an argument is invalid, a feature has over 1,000 categories, or a number of ``frame`` is
        infinite.
    """
    if find_spec("dice_ml") is None:
        raise MissingExtraError("dice-ml", "counterfactuals")
    if method not in METHODS:
        raise ConfigError(
            f"unknown method {method!r}; choose one of {', '.join(METHODS)}."
            f"{did_you_mean(str(method), METHODS)}"
        )
    if isinstance(total, bool) or not isinstance(total, int) or total < 1:
        raise ConfigError(f"total must be an integer of at least 1; found {total!r}.")
    names, engine = names_of(features), engine_of(rows)
    schema = engine.schema(rows)
    check_used(schema, names)
    check_used(engine_of(frame).schema(frame), names)
    asked = _background(background)
    ready = ready_model(frame, model, names, asked, desired_class, random_state)
    target, wanted = _goal(ready, desired_class, desired_range)
    found = features_of(ready.engine, frame, names, names_of(categorical), ready.background)
    found = limited(found, permitted or {}, names_of(features_to_vary) or names)
    search = Search(
        sorted(found, key=lambda one: one.levels is not None),
        _background_rows(found, ready.background),
        ready.background.iloc[:0],
        ready.output,
        method,
        total,
        target,
        wanted,
        random_state,
    )
    kept = tuple(name for name in schema.names if name not in names)
    outputs = _outputs(schema, kept, found)
    function = CounterfactualRows(
        SharedObject(publish_object(engine, search, "counterfactuals.pkl")), kept, outputs
    )
    inputs = [*kept, *names]
    return engine.map_partitions(rows, function, outputs, inputs=inputs, label="counterfactuals")


def _background(background: Any) -> Background:
    if background is None:
        return Background(rows=ROWS)
    return background if isinstance(background, Background) else Background(frame=background)


def _goal(
    ready: ReadyModel, desired_class: Any, desired_range: Any
) -> tuple[int | None, tuple[float, float] | None]:
    """Return the position of the desired class, and the desired range of a regression."""
    if ready.output.kind != "probability":
        raise ConfigError("counterfactuals need probabilities; omit output='raw'.")
    classes = ready.output.model.classes
    if classes is not None:
        if desired_range is not None:
            raise ConfigError("desired_range is for a regression; give desired_class.")
        if desired_class is None and len(classes) != _TWO:
            raise ConfigError(f"the model has {len(classes)} classes; choose one: desired_class.")
        return (None if desired_class is None else ready.output.picked[0]), None
    ends = () if desired_range is None else tuple(desired_range)
    if len(ends) != _TWO or not ends[0] <= ends[1]:
        raise ConfigError("the model is a regression; desired_range must be (lowest, highest).")
    return None, (float(ends[0]), float(ends[1]))


def _background_rows(found: Sequence[Feature], background: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the sample without missing values, as dice-ml reads them."""
    table = pa.Table.from_pandas(background, preserve_index=False)
    ordered = sorted(found, key=lambda one: one.levels is not None)
    columns = pd.DataFrame({f.name: f.column(table[f.name]) for f in ordered})
    known = columns.dropna().reset_index(drop=True)
    if not len(known):
        raise ConfigError(
            "all rows of the background have a missing value; give others (background=...)."
        )
    return pd.DataFrame({f.name: f.typed(known[f.name]) for f in ordered})


def _outputs(schema: pa.Schema, kept: Sequence[str], found: Sequence[Feature]) -> pa.Schema:
    made = [schema.field(name) for name in kept]
    made += [pa.field(NUMBER, pa.int64())]
    made += [pa.field(feature.name, feature.kind) for feature in found]
    made += [pa.field(PREDICTION, pa.float64())]
    made += [pa.field(name, pa.string()) for name in (CHANGED, NOTE)]
    names = [field.name.lower() for field in made]
    double = [name for name in (NUMBER, PREDICTION, CHANGED, NOTE) if names.count(name) > 1]
    if double:
        raise ConfigError(f"a column is named {double[0]!r}, as is one of the result; rename it.")
    return pa.schema(made)
