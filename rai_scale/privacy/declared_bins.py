"""Bins of columns that are declared before any data are read, and the bin of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from rai_scale.engines.key_values import arrow_values, positions
from rai_scale.engines.object_columns import type_of_values
from rai_scale.engines.sql_tables import without_invalid_text
from rai_scale.errors import OptionError
from rai_scale.privacy.bounding import check_max_rows
from rai_scale.privacy.declared_cells import NOISY, declare, facts_of, noise_for, release_cells
from rai_scale.privacy.noise import Noise
from rai_scale.privacy.options import Privacy
from rai_scale.statistics.score_bins import as_floats


@dataclass(frozen=True)
class ColumnBins:
    """Bins of columns from public knowledge.

    Which values occur in the data would disclose something about people. Each column also has a
    bin for rows whose value is missing or was not declared.

    Parameters
    ----------
    bounds : mapping of str to sequence of float
        Columns of numbers: n bounds make n + 1 ranges, and a value equal to a bound belongs to the
        lower one.
    categories : mapping of str to list
        All values of the other columns.
    max_rows : int
        At most this many rows of a privacy unit are counted. More rows mean more noise.

    Raises
    ------
    OptionError
        If there is no column, a column is declared twice, bounds do not increase, values are not
        distinct, or ``max_rows`` is not an integer of at least 1.
    """

    bounds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    categories: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    max_rows: int = 1

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        check_max_rows(self.max_rows)
        both = sorted(self.bounds.keys() & self.categories.keys())
        if both or not self.features:
            raise OptionError(
                f"{both[0]!r} has both bounds and categories."
                if both
                else "declared needs the bounds or the categories of at least one feature."
            )
        for name, edges in self.bounds.items():
            if not len(edges) or not np.isfinite(edges).all():
                raise OptionError(f"the bounds of {name!r} must be numbers, at least one.")
            if not all(low < high for low, high in pairwise(edges)):
                raise OptionError(f"the bounds of {name!r} must increase.")
        for name, values in self.categories.items():
            check_listed(name, values)

    @property
    def features(self) -> list[str]:
        """The declared columns: numbers first."""
        return [*self.bounds, *self.categories]

    def bins(self, feature: str) -> int:
        """Return the number of bins of a column; the last is for missing or undeclared values."""
        known = self.bounds.get(feature)
        return len(known) + 2 if known is not None else len(self.categories[feature]) + 1

    def values(self, feature: str) -> list[Any]:
        """Return one value in each bin of a column; None for the last one."""
        if feature in self.categories:
            return [*sorted(self.categories[feature]), None]
        edges = [float(edge) for edge in self.bounds[feature]]
        return [*edges, float(np.nextafter(edges[-1], np.inf)), None]

    def labels_of(self, feature: str) -> list[str]:
        """Return what a reader calls each bin of a column."""
        if feature in self.categories:
            return [*map(str, sorted(self.categories[feature])), "missing or other"]
        edges = [f"{edge:g}" for edge in self.bounds[feature]]
        between = [f"over {low} to {high}" for low, high in pairwise(edges)]
        return [f"{edges[0]} or less", *between, f"over {edges[-1]}", "missing"]

    def described_bins(self) -> dict[str, list[str]]:
        """Return what is declared as texts; a release is known by them."""
        bounds = {name: [f"<= {float(edge)!r}" for edge in e] for name, e in self.bounds.items()}
        values = {name: sorted(map(str, listed)) for name, listed in self.categories.items()}
        return {**bounds, **values}

    def types_of_bins(self) -> dict[str, pa.DataType]:
        """Return the types in which columns of Python objects are read."""
        values = {name: type_of_values(listed) for name, listed in self.categories.items()}
        return {**dict.fromkeys(self.bounds, pa.float64()), **values}


def check_listed(name: str, values: Sequence[Any]) -> None:
    """Raise :class:`OptionError` unless the values of a column are listed once each."""
    if isinstance(values, str) or not values or len(set(values)) != len(values):
        raise OptionError(f"the values of {name!r} must be a list of distinct values.")


@dataclass(frozen=True)
class BinNumbers:
    """Table function: the number of the bin of each row and column (``_rai_b0``, ...)."""

    declared: ColumnBins

    @property
    def keys(self) -> list[str]:
        """The names of the new columns."""
        return [f"_rai_b{at}" for at in range(len(self.declared.features))]

    @property
    def sizes(self) -> list[int]:
        """The number of values of each new column."""
        return [self.declared.bins(name) for name in self.declared.features]

    @property
    def types(self) -> dict[str, pa.DataType]:
        """The columns that are read, and the types in which those of Python objects are."""
        return self.declared.types_of_bins()

    @property
    def described(self) -> dict[str, list[str]]:
        """What is declared, as texts; a release is known by them."""
        return self.declared.described_bins()

    @property
    def outputs(self) -> pa.Schema:
        """The new columns."""
        return pa.schema([(name, pa.int64()) for name in self.keys])

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the new columns of a batch."""
        return pa.table(self.numbers(table), schema=self.outputs)

    def numbers(self, table: pa.Table) -> list[pa.Array]:
        """Return the number of the bin of each row, per column."""
        made = []
        for name in self.declared.features:
            last = self.declared.bins(name) - 1
            if name in self.declared.bounds:
                values = as_floats(table[name])
                bins = np.searchsorted(np.asarray(self.declared.bounds[name], float), values)
                made.append(np.where(np.isnan(values), last, bins))
            else:
                place = place_of(table[name], sorted(self.declared.categories[name]))
                made.append(np.where(place < 0, last, place))
        return [pa.array(np.asarray(bins, np.int64)) for bins in made]


def release_bins(
    engine: Any, frame: Any, function: BinNumbers, privacy: Privacy
) -> tuple[np.ndarray, Noise, dict[str, Any]]:
    """Release the noisy number of rows of each combination of bins, its noise and its facts.

    The counts have one axis per new column of ``function``; raises as :func:`release_cells`.
    """
    levels = {key: range(n) for key, n in zip(function.keys, function.sizes, strict=True)}
    cells = declare(function.keys, levels, function.declared.max_rows)
    noise, _ = noise_for(privacy, cells.max_rows)

    def prepared(rows: Any) -> Any:
        typed = engine.declared(rows, {**function.types, privacy.unit: pa.string()})
        return engine.with_columns(
            typed, function, function.outputs, inputs=[*function.types], label="declared bins"
        )

    release = release_cells(engine, frame, cells, privacy, prepared, function.described)
    counts = release.table()[NOISY].to_numpy().reshape(function.sizes)
    return counts, noise, facts_of(release, privacy)


def place_of(column: pa.ChunkedArray, values: Sequence[Any]) -> np.ndarray:
    """Return the place of each value in a list; -1 for others."""
    return positions(without_invalid_text(column), arrow_values(values))
