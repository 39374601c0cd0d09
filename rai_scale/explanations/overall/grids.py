"""Grids of feature values for partial dependence, computed from counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd

from rai_scale.engines.key_values import key_values
from rai_scale.errors import ConfigError, OptionError, TooManyGroupsError
from rai_scale.explanations.local.lime_codes import is_number
from rai_scale.names import names_of
from rai_scale.statistics.quantiles import Distribution, distribution

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

GRIDS = ("quantile", "linspace")
MOST_CATEGORIES = 1000
_PAIR = 2


@dataclass(frozen=True)
class GridAxis:
    """The grid of one feature.

    Attributes
    ----------
    feature : str
    values : ndarray
        Increasing numbers, or categories.
    categorical : bool
    error_bound : float
        The largest difference between a grid value and its exact quantile; usually 0.
    distribution : Distribution or None
        Counts from which the grid was computed; ``None`` for categories and given grids.
    counts : tuple of ndarray, or None
        Categories and their numbers of rows.
    """

    feature: str
    values: np.ndarray
    categorical: bool = False
    error_bound: float = 0.0
    distribution: Distribution | None = None
    counts: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class Term:
    """One or two features whose values are set together.

    Attributes
    ----------
    axes : tuple of GridAxis
        The grid of each feature.
    """

    axes: tuple[GridAxis, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(axis.feature for axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Points per axis."""
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def points(self) -> list[tuple[Any, ...]]:
        """All combinations of the axes' values; the last axis changes fastest."""
        return list(product(*(axis.values for axis in self.axes)))

    def put(self, rows: pd.DataFrame, point: tuple[Any, ...], like: pd.DataFrame) -> pd.DataFrame:
        """Return the rows with the features set to the values of a point."""
        columns = {
            name: _constant(value, len(rows), like[name].dtype, rows.index)
            for name, value in zip(self.features, point, strict=True)
        }
        return rows.assign(**columns)


def _constant(value: Any, rows: int, dtype: Any, index: pd.Index) -> pd.Series:
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        return pd.Series(np.full(rows, value, dtype=np.float64), index=index)
    return pd.Series([value] * rows, index=index, dtype=dtype)


@dataclass(frozen=True)
class FeatureGrid:
    """The values to which features are set: the points of their grids.

    Attributes
    ----------
    kind : {"quantile", "linspace"}
        Whether points are quantiles, or equal steps, between two percentiles. If a feature has
        fewer distinct values than points, each distinct value is a point.
    points : int
        Points per numeric feature.
    percentiles : (float, float), optional
        Shares in [0, 1] between which the points lie. By default (0, 1) for quantiles, as in
        interpret, and (0.05, 0.95) for equal steps, as in scikit-learn. If they are given, equal
        quantiles become one point.
    categorical : list of str
        Numeric features whose distinct values are all points, as those of text, booleans and
        categories are.
    values : mapping of feature to list of values, optional
        Given grids of some features, to which the other options do not apply.

    Raises
    ------
    OptionError
        If the kind is unknown, there are fewer than two points, or the percentiles are not two
        increasing shares.
    """

    kind: Literal["quantile", "linspace"] = "quantile"
    points: int = 10
    percentiles: tuple[float, float] | None = None
    categorical: str | Sequence[str] = ()
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.kind not in GRIDS:
            raise OptionError(f"unknown grid {self.kind!r}; choose one of {', '.join(GRIDS)}.")
        low, high = self.ends
        if not 0 <= low < high <= 1:
            raise OptionError("percentiles must be two increasing shares from 0 to 1.")
        if self.points <= 1:
            raise OptionError(f"points must be at least 2; found {self.points}.")

    @property
    def ends(self) -> tuple[float, float]:
        """The percentiles between which points lie."""
        return self.percentiles or ((0.0, 1.0) if self.kind == "quantile" else (0.05, 0.95))

    def axis(self, engine: Engine, data: Any, name: str, like: pd.DataFrame) -> GridAxis:
        """Return the axis of a feature; counts its values unless the grid is given."""
        number = is_number(like[name])
        if name in self.values:
            values = np.asarray(self.values[name], dtype=np.float64 if number else object)
            if not len(values):
                raise ConfigError(f"the grid of {name!r} has no values.")
            return GridAxis(name, values, not number)
        if not number:
            return _categories(engine, data, name)
        found = distribution(engine, data, name)
        few = len(found.value) <= self.points - (self.kind == "linspace")
        categorical = name in names_of(self.categorical)
        if not found.error_bound and (few or categorical):
            return GridAxis(name, found.value, categorical, 0.0, found)
        if categorical:
            raise ConfigError(f"categorical: feature {name!r} has too many distinct values.")
        if self.kind == "quantile":
            low, high = self.ends
            values = found.percentile(100 * np.linspace(low, high, self.points))
            values = values if self.percentiles is None else np.unique(values)
            return GridAxis(name, values, False, found.error_bound, found)
        low, high = found.mquantiles(self.ends)
        if np.isclose(low, high):
            raise ConfigError(f"the percentiles of {name!r} are equal; choose a wider range.")
        return GridAxis(name, np.linspace(low, high, self.points), False, found.error_bound, found)


def _categories(engine: Engine, data: Any, name: str) -> GridAxis:
    try:
        counted = engine.group_counts(data, [name], limit=MOST_CATEGORIES)
    except TooManyGroupsError:
        raise ConfigError(
            f"feature {name!r} has more than {MOST_CATEGORIES:,} categories; give them in values."
        ) from None
    counted = counted.filter(counted[name].is_valid()).sort_by(name)
    if not counted.num_rows:
        raise ConfigError(f"feature {name!r} is missing in all rows.")
    values = key_values(counted[name])
    return GridAxis(name, values, True, counts=(values, counted["count"].to_numpy()))


def make_terms(
    engine: Engine,
    data: Any,
    of: str | Sequence[str | tuple[str, str]],
    grid: FeatureGrid | None,
    like: pd.DataFrame,
) -> list[Term]:
    """Return the terms; an axis that occurs in several terms is computed once.

    Raises
    ------
    ConfigError
        If a term is not one or two different features of the model.
    """
    grid = grid or FeatureGrid()
    several = [of] if isinstance(of, str) else of
    wanted = [tuple(names_of(one)) for one in several]
    unfit = [
        w for w in wanted if not 1 <= len(set(w)) == len(w) <= _PAIR or not set(w) <= set(like)
    ]
    if unfit or not wanted:
        raise ConfigError(
            f"of must list features of the model or pairs of them; found {unfit or 'nothing'}."
        )
    names = dict.fromkeys(name for term in wanted for name in term)
    axes = {name: grid.axis(engine, data, name, like) for name in names}
    return [Term(tuple(axes[name] for name in term)) for term in wanted]
