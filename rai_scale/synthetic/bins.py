"""Bins of numbers, dates and times: codes by edges, and values drawn on a grid within a bin."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.errors import ConfigError
from rai_scale.privacy.ledger.amounts import exact

_LARGEST = 2**62
_DAY = datetime.date(1970, 1, 1)
_START = datetime.datetime(1970, 1, 1)
_SECOND = 1_000_000


@dataclass(frozen=True)
class Bins:
    """Bins between edges, for numbers, dates and times.

    Parameters
    ----------
    edges : sequence
        Two or more numbers, dates or times without a zone, ascending. A bin contains its lower
        edge; the last bin contains both. Values below the first edge count in the first bin, values
        above the last edge in the last bin.
    grid : number, optional
        Values of a sample are multiples of ``grid``, counted from the first edge: numbers of the
        column's own unit, days or seconds. It is 1 for integers, dates and times, and must be
        given for other numbers.
    nullable : bool
        Whether null is a value of its own (NaN counts as null). Without it, rows with a null are
        left out.
    """

    edges: tuple[Any, ...]
    grid: Any = None
    nullable: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", tuple(self.edges))
        check_nullable(self.nullable)
        kinds = {self._kind_of(edge) for edge in self.edges}
        if len(self.edges) < 2 or len(kinds) != 1:  # noqa: PLR2004
            raise ConfigError("edges needs two or more numbers, dates or times, all of one kind.")
        if any(low >= high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise ConfigError("edges must be in ascending order.")
        if self.grid is None and self.time is None and not self.whole:
            raise ConfigError(
                "edges that are not integers need a grid: the step between values of a sample, "
                "such as 0.01."
            )
        if self._step <= 0:
            raise ConfigError("grid must be above 0.")
        if self.time and self._denominator != 1:
            raise ConfigError("the grid must be full days for dates, full microseconds for times.")
        if max(map(abs, self._numerators)) >= _LARGEST or self._denominator >= _LARGEST:
            raise ConfigError("edges and grid need more digits than 64-bit integers have.")
        if (self._points < 1).any():
            raise ConfigError("a bin contains no value of the grid: use a smaller grid.")

    @staticmethod
    def _kind_of(edge: Any) -> str:
        if isinstance(edge, datetime.datetime):
            if edge.tzinfo is not None:
                raise ConfigError("edges with a time zone are not supported: give them in UTC.")
            return "time"
        if isinstance(edge, datetime.date):
            return "date"
        if isinstance(edge, bool) or not isinstance(edge, int | float):
            raise ConfigError("edges must be numbers, dates or times.")
        exact(edge, "edge")
        return "number"

    @property
    def time(self) -> str | None:
        """``date`` or ``time``; None for numbers."""
        kind = self._kind_of(self.edges[0])
        return None if kind == "number" else kind

    @property
    def whole(self) -> bool:
        """Whether all edges are integers."""
        return all(isinstance(edge, int) for edge in self.edges)

    @property
    def size(self) -> int:
        """The number of codes."""
        return len(self.edges) - 1 + self.nullable

    @property
    def ordered(self) -> bool:
        """Whether the codes are in the order of the values."""
        return True

    @property
    def kind(self) -> pa.DataType:
        """The type to which object columns of pandas are converted."""
        if self.time:
            return pa.timestamp("us")
        return pa.int64() if self.whole and self._denominator == 1 else pa.float64()

    def codes(self, column: pa.ChunkedArray) -> np.ndarray:
        """Return the bin of each row, int64; null is the last code, or -1.

        Whether this raises depends on the type of the column, never on its content.
        """
        missing = np.asarray(pc.is_null(column, nan_is_null=True))
        values = self._numbers(column)
        edges = self._as_numbers(exactly=values.dtype.kind == "i")
        found = np.searchsorted(edges, values, side="right") - 1
        bins = len(self.edges) - 1
        null = bins if self.nullable else -1
        return np.where(missing, null, np.clip(found, 0, bins - 1)).astype(np.int64)

    def _numbers(self, column: pa.ChunkedArray) -> np.ndarray:
        kind = column.type
        if self.time:
            if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
                raise pa.ArrowInvalid("a column of dates or times was expected")
            column = column.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False)
            micros = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
            return micros // (86_400 * _SECOND) if self.time == "date" else micros
        if pa.types.is_uint64(kind):
            column = pc.min_element_wise(column, pa.scalar(2**63 - 1, kind))
        if pa.types.is_integer(kind) and self.whole:
            return np.asarray(pc.fill_null(column.cast(pa.int64()), 0).to_numpy())
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or _is_decimal(kind)):
            raise pa.ArrowInvalid("a column of numbers was expected")
        return np.asarray(pc.fill_null(column.cast(pa.float64(), safe=False), 0.0).to_numpy())

    def _as_numbers(self, *, exactly: bool) -> np.ndarray:
        if self.time == "date":
            return np.array([(edge - _DAY).days for edge in self.edges])
        if self.time:
            return np.array([round((e - _START) / _MICRO) for e in self.edges])
        return np.array(self.edges, dtype=np.int64 if exactly else np.float64)

    @property
    def _step(self) -> Fraction:
        step = exact(1 if self.grid is None else self.grid, "grid")
        return step * _SECOND if self.time == "time" else step

    @cached_property
    def _ends(self) -> list[Fraction]:
        """The edges as numbers: days, microseconds or the column's own unit."""
        if self.time:
            return [Fraction(int(edge)) for edge in self._as_numbers(exactly=True)]
        return [exact(edge, "edge") for edge in self.edges]

    @cached_property
    def _denominator(self) -> int:
        return math.lcm(self._ends[0].denominator, self._step.denominator)

    @cached_property
    def _numerators(self) -> tuple[int, ...]:
        """The edges in units of 1 / denominator, rounded up; the first is exact."""
        return tuple(math.ceil(end * self._denominator) for end in self._ends)

    @cached_property
    def _first(self) -> np.ndarray:
        """The number of the first point of the grid in each bin, and one past the last point."""
        steps = [(end - self._ends[0]) / self._step for end in self._ends]
        return np.array([*map(math.ceil, steps[:-1]), math.floor(steps[-1]) + 1], dtype=np.int64)

    @property
    def _points(self) -> np.ndarray:
        return np.diff(self._first)

    def decoded(self, codes: np.ndarray, uniforms: np.ndarray) -> pa.Array:
        """Return a value of each bin, uniform over its points of the grid.

        Parameters
        ----------
        codes : ndarray of int64
        uniforms : ndarray of float64
            In [0, 1), one per row.
        """
        bins = len(self.edges) - 1
        inside = np.minimum(codes, bins - 1)
        points = self._points[inside]
        at = self._first[inside] + np.minimum((uniforms * points).astype(np.int64), points - 1)
        units = self._numerators[0] + at * int(self._step * self._denominator)
        null = codes >= bins
        if self.time:
            kind = pa.int32() if self.time == "date" else pa.int64()
            return pa.array(units.astype(kind.to_pandas_dtype()), kind, mask=null).cast(self.output)
        if self._denominator == 1:
            return pa.array(units, pa.int64(), mask=null)
        return pa.array(units / self._denominator, pa.float64(), mask=null)

    @property
    def output(self) -> pa.DataType:
        """The type of the values of a sample."""
        if self.time:
            return pa.date32() if self.time == "date" else pa.timestamp("us")
        return pa.int64() if self._denominator == 1 else pa.float64()

    def names(self) -> list[str]:
        """Return a label of each code for reports."""
        pairs = list(zip(self.edges, self.edges[1:], strict=False))
        ends = [")"] * (len(pairs) - 1) + ["]"]
        shown = [f"[{low}, {high}{end}" for (low, high), end in zip(pairs, ends, strict=True)]
        return [*shown, *(["(null)"] if self.nullable else [])]

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as plain values."""
        kept = {"edges": list(self.edges), "nullable": self.nullable}
        return kept if self.grid is None else {**kept, "grid": self.grid}


_MICRO = datetime.timedelta(microseconds=1)


def check_nullable(nullable: Any) -> None:
    """Raise :class:`ConfigError` for what is neither true nor false, such as the text ``no``."""
    if nullable not in (True, False):
        raise ConfigError("nullable must be true or false.")


def _is_decimal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind))


def plain_kind(value: Any) -> type:
    """Return the kind of a declared value; raises :class:`ConfigError` if it has none."""
    for kind in (str, datetime.datetime, datetime.date):
        if isinstance(value, kind):
            return kind
    if isinstance(value, int | float):
        return float
    raise ConfigError(f"a {type(value).__name__} cannot be a value of a domain.")
