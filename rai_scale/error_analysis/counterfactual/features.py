"""A feature of counterfactuals: its values in all rows, and its form for dice-ml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.key_values import positions
from rai_scale.engines.protocol import Engine
from rai_scale.error_analysis.column_kinds import NUMBERS, kind_of
from rai_scale.error_analysis.slices.items import MOST_ITEMS
from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns
from rai_scale.statistics.cells import counts_of
from rai_scale.statistics.quantiles import column_ranges
from rai_scale.statistics.score_bins import as_floats

_INT32 = 2**31 - 1
_TWO = 2


@dataclass(frozen=True)
class Feature:
    """A feature and the values of all rows.

    Attributes
    ----------
    name : str
    kind : pyarrow.DataType
        Of the result: int64, float64, or that of the categories.
    levels : pyarrow.Array, optional
        The categories, sorted; None for numbers.
    low, high : float
        Of numbers.
    places : int
        Decimal places.
    permitted : tuple, optional
        The values that a change may lead to: two numbers, or categories as text. By default the
        range or the categories of all rows.
    varied : bool
    """

    name: str
    kind: pa.DataType
    levels: pa.Array | None = None
    low: float = 0.0
    high: float = 0.0
    places: int = 0
    permitted: tuple[Any, ...] | None = None
    varied: bool = True

    @cached_property
    def texts(self) -> list[str]:
        """The categories as dice-ml knows them."""
        return [] if self.levels is None else [str(value) for value in self.levels.to_pylist()]

    @property
    def range(self) -> list[Any]:
        """The values of all rows: all categories, or the lowest and the highest number."""
        return self.texts if self.levels is not None else self.as_numbers((self.low, self.high))

    @property
    def whole(self) -> bool:
        """Whether it has integers."""
        return self.levels is None and pa.types.is_integer(self.kind)

    def as_numbers(self, values: Sequence[float]) -> list[Any]:
        """Return numbers as dice-ml needs them: those of integers must be Python's own."""
        return [int(value) if self.whole else float(value) for value in values]

    def column(self, column: pa.ChunkedArray) -> pd.Series:
        """Return a column as dice-ml reads it; None or NaN where it cannot."""
        if self.levels is not None:
            texts = np.array([*self.texts, None], dtype=object)
            return pd.Series(texts[positions(column, self.levels)])
        values = as_floats(column)
        fits = np.isfinite(values) & (np.abs(values) <= np.finfo(np.float32).max)
        if self.whole and max(abs(self.low), abs(self.high)) <= _INT32:
            fits &= np.abs(values) <= _INT32
        return pd.Series(np.where(fits, values, np.nan))

    def typed(self, values: pd.Series) -> pd.Series:
        """Return a column without missing values in the type that dice-ml reads."""
        small = self.whole and max(abs(self.low), abs(self.high)) <= _INT32
        return values.astype(np.int64) if small else values

    def accepts(self, value: Any) -> bool:
        """Return whether a change may lead to a value."""
        allowed = self.range if self.permitted is None else self.permitted
        if self.levels is not None:
            return value in allowed
        return bool(allowed[0] <= value <= allowed[1])

    def found(self, value: Any, own: Any) -> Any:
        """Return a value that dice-ml found; the row's own where only decimal places differ."""
        if not self.varied:
            return own
        if self.levels is not None:
            return str(value)
        found = round(float(value), self.places)
        same = np.float32(value) == np.float32(own) or found == round(float(own), self.places)
        return own if same else found

    def arrow(self, values: Sequence[Any]) -> pa.Array:
        """Return values of dice-ml in the type of the result."""
        if self.levels is not None:
            place = {text: at for at, text in enumerate(self.texts)}
            return self.levels.take(pa.array([place.get(v) for v in values], pa.int64()))
        numbers = pa.array(np.asarray(values, np.float64), from_pandas=True)
        return pc.cast(numbers, self.kind, safe=False)


def features_of(
    engine: Engine, frame: Any, names: Sequence[str], categorical: Sequence[str], like: pd.DataFrame
) -> list[Feature]:
    """Return the features with their values in all rows; executes."""
    check_columns(categorical, names)
    schema = engine.schema(frame)
    kinds = {name: kind_of(schema, name) for name in names}
    for name, kind in kinds.items():
        if kind not in (*NUMBERS, "bool", "text"):
            raise ConfigError(
                f"feature {name!r} has type {schema.field(name).type}; counterfactuals need "
                "numbers, text, or true and false. Encode it before the model."
            )
    numbers = [name for name in names if kinds[name] in NUMBERS and name not in categorical]
    ranges = column_ranges(engine, frame, numbers) if numbers else pd.DataFrame()
    found = []
    for name in names:
        if name not in numbers:
            found.append(_category(engine, frame, name))
            continue
        low, high = (float(ranges[end].loc[name]) for end in ("low", "high"))
        whole = kinds[name] == "int"
        places = 0 if whole else _places(like[name])
        kind = pa.int64() if whole else pa.float64()
        found.append(Feature(name, kind, low=low, high=high, places=places))
    return found


def _category(engine: Engine, frame: Any, name: str) -> Feature:
    try:
        values = counts_of(engine, frame, [name], (), MOST_ITEMS).column(0)
    except TooManyGroupsError:
        raise ConfigError(
            f"feature {name!r} has more than {MOST_ITEMS:,} categories; group them before the "
            "model, or leave it out."
        ) from None
    known = values.filter(pc.invert(pc.is_null(values, nan_is_null=True))).combine_chunks()
    if not len(known):
        raise ConfigError(f"feature {name!r} has no values.")
    known = known.take(pc.sort_indices(known))
    return Feature(name, known.type, levels=known)


def _places(column: pd.Series) -> int:
    """Return the most decimal places of the most frequent values in float32, as dice-ml does."""
    modes = column.dropna().astype(np.float32).mode()
    texts = (np.format_float_positional(value, trim="-") for value in modes.to_numpy())
    return max([1, *(len(text.partition(".")[2]) for text in texts)])


def limited(
    found: Sequence[Feature], permitted: Mapping[str, Sequence[Any]], varied: Sequence[str]
) -> list[Feature]:
    """Return the features with their permitted values, and whether they may be changed."""
    check_columns([*permitted, *varied], [feature.name for feature in found])
    made = []
    for feature in found:
        one = replace(feature, varied=feature.name in varied)
        values = permitted.get(feature.name)
        if values is not None:
            if isinstance(values, str) or not isinstance(values, Sequence):
                raise ConfigError(f"permitted values of {feature.name!r} must be a list.")
            one = replace(one, permitted=_permitted(one, values))
        made.append(one)
    return made


def _permitted(feature: Feature, values: Sequence[Any]) -> tuple[Any, ...]:
    if feature.levels is not None:
        texts = tuple(str(value) for value in values)
        if not texts or not set(texts) <= set(feature.texts):
            raise ConfigError(
                f"permitted: a category of {feature.name!r} does not occur in the frame, or none "
                "is given."
            )
        return texts
    numbers = all(isinstance(v, int | float | np.number) and np.isfinite(v) for v in values)
    if len(values) != _TWO or not numbers or not values[0] <= values[1]:
        raise ConfigError(
            f"permitted: {feature.name!r} has numbers; give the lowest and the highest one."
        )
    low, high = (np.ceil(values[0]), np.floor(values[1])) if feature.whole else values
    if low > high:
        raise ConfigError(f"permitted: there is no integer in the range of {feature.name!r}.")
    return tuple(feature.as_numbers((low, high)))
