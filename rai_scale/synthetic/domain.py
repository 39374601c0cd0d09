"""The declared domain of a column: its values or its bins, and how rows become codes and back.

A code is the number of a value or bin. The domain is public: it is declared from knowledge about
the data and never read from them, because a value that occurs may be one person's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import is_text
from rai_scale.engines.key_values import arrow_values, positions
from rai_scale.engines.object_columns import type_of_values
from rai_scale.engines.sql_tables import without_invalid_text
from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.names import names_of
from rai_scale.synthetic.bins import Bins, check_nullable, plain_kind
from rai_scale.synthetic.near_integers import NearIntegers, near_integers

MOST_FOUND, BINS_FOUND = 50, 10
"""The most values, and the usual number of bins, of a column with a private domain."""
PRIVATE = "private"
_KEYS = {"values": ("values", "other", "nullable"), "edges": ("edges", "grid", "nullable")}


@dataclass(frozen=True)
class Values:
    """The values that a column may have.

    Parameters
    ----------
    values : sequence
        Texts, integers, booleans, dates or numbers, all of one kind, without repetitions.
    other : optional
        What stands for every value that is not listed. Without it, rows with such a value are left
        out.
    nullable : bool
        Whether null is a value of its own (NaN counts as null). Without it, rows with a null are
        left out.
    """

    values: tuple[Any, ...]
    other: Any = None
    nullable: bool = True

    def __post_init__(self) -> None:
        given = tuple(self.values)
        object.__setattr__(self, "values", given)
        listed = self.labels
        if not listed or any(v is None or v != v for v in listed):  # noqa: PLR0124
            raise ConfigError(
                "values needs at least one value. Null is not listed there: set nullable instead."
            )
        if len(set(listed)) != len(listed):
            raise ConfigError("values must be distinct, and other must not be one of them.")
        kinds = {bool if isinstance(v, bool) else plain_kind(v) for v in listed}
        if len(kinds) > 1:
            raise ConfigError("values and other must be of one kind, such as all text.")
        check_nullable(self.nullable)

    @property
    def labels(self) -> tuple[Any, ...]:
        """The values that are not null, in the order of their codes."""
        return (*self.values, *(() if self.other is None else (self.other,)))

    @property
    def size(self) -> int:
        """The number of codes."""
        return len(self.labels) + self.nullable

    @property
    def ordered(self) -> bool:
        """Whether the codes are in the order of the values: numbers and times, sorted."""
        kinds = {plain_kind(v) for v in self.values}
        return self.other is None and str not in kinds and self.values == tuple(sorted(self.values))

    @property
    def kind(self) -> pa.DataType:
        """The type to which object columns of pandas are converted."""
        return type_of_values(self.labels)

    def codes(self, column: pa.ChunkedArray) -> np.ndarray:
        """Return the code of each row, int64; -1 for a value without a code.

        Whether this raises depends on the type of the column, never on its content.
        """
        if pa.types.is_duration(column.type):  # Arrow would compare its number of units
            raise pa.ArrowInvalid("a duration is not a value of a domain")
        null = len(self.labels) if self.nullable else -1
        if self._near is not None and pa.types.is_signed_integer(column.type):
            return self._near.codes(column, null)
        missing = np.asarray(pc.is_null(column, nan_is_null=True))
        if pa.types.is_floating(column.type):  # -0.0 is 0
            column = pc.add(column, pa.scalar(0.0, column.type))
        if is_text(column.type):
            column = without_invalid_text(column)
            missing = np.asarray(pc.is_null(column))
        found = positions(column, arrow_values(self.values))
        if self.other is not None:
            found = np.where((found < 0) & ~missing, len(self.values), found)
        return np.where(missing, null, found)

    @cached_property
    def _near(self) -> NearIntegers | None:
        return near_integers(self.values, -1 if self.other is None else len(self.values))

    def decoded(self, codes: np.ndarray, uniforms: np.ndarray) -> pa.Array:
        """Return the values of codes; ``uniforms`` is not used."""
        labels = arrow_values(self.labels)
        return labels.take(pa.array(codes, mask=codes >= len(labels)))

    @property
    def output(self) -> pa.DataType:
        """The type of the values of a sample."""
        return arrow_values(self.labels).type

    def names(self) -> list[str]:
        """Return a label of each code for reports."""
        return [*map(str, self.labels), *(["(null)"] if self.nullable else [])]

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as plain values."""
        kept = {"values": list(self.values), "nullable": self.nullable}
        return kept if self.other is None else {**kept, "other": self.other}


@dataclass(frozen=True)
class PrivateColumn(Values):
    """A column whose values or edges are found in the rows, with a part of the budget.

    Until they are found, no value is named.
    """

    values: tuple[Any, ...] = ()
    other: Any = "other"

    @property
    def size(self) -> int:
        """The most codes that the column can have."""
        return MOST_FOUND + 2  # with other and null

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as plain values."""
        return {PRIVATE: True}


Declared = Values | Bins


@dataclass(frozen=True)
class Domain:
    """Columns and their declarations, in order.

    Attributes
    ----------
    columns : tuple of (str, Values or Bins)
    """

    columns: tuple[tuple[str, Declared], ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(name for name, _ in self.columns)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many codes each column has."""
        return tuple(declared.size for _, declared in self.columns)

    def cells(self, clique: Sequence[int]) -> int:
        """Return the number of cells of a marginal over some columns."""
        return math.prod(self.sizes[i] for i in clique)

    def shape(self, clique: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of a marginal over some columns."""
        return tuple(self.sizes[i] for i in clique)

    def named(self, clique: Sequence[int]) -> str:
        """Return the names of some columns as one text."""
        return " x ".join(self.names[i] for i in clique)

    def places(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the positions of columns, sorted.

        Raises
        ------
        ConfigError
            If a column is not in the domain, or is named twice.
        """
        for name in names:
            if name not in self.names:
                raise ConfigError(
                    f"{name!r} is not a synthesized column.{did_you_mean(str(name), self.names)}"
                )
        found = tuple(sorted(self.names.index(name) for name in names))
        if len(set(found)) != len(found):
            raise ConfigError(f"a combination of columns names one twice: {', '.join(names)}.")
        return found

    @property
    def private(self) -> tuple[str, ...]:
        """The columns whose values or edges are found in the rows."""
        return tuple(name for name, one in self.columns if isinstance(one, PrivateColumn))

    def schema(self) -> pa.Schema:
        """Return the schema of a sample."""
        return pa.schema([(name, declared.output) for name, declared in self.columns])

    def to_dict(self) -> dict[str, Any]:
        """Return the declarations as plain values, by column."""
        return {name: declared.to_dict() for name, declared in self.columns}


def declare(columns: Sequence[str] | None, domain: Mapping[str, Any] | str) -> Domain:
    """Return a checked domain.

    Parameters
    ----------
    columns : sequence of str, optional
        The columns to synthesize; by default all of ``domain``.
    domain : mapping of str to Values, Bins, mapping, sequence or "private", or "private"
        A sequence lists values; a mapping has the parameters of :class:`Values` or of ``Bins``;
        what is private is found in the rows.

    Raises
    ------
    ConfigError
        If a column has no declaration, or a declaration is invalid.
    """
    if isinstance(domain, str):
        if domain != PRIVATE:
            raise ConfigError(f"domain must be a mapping or 'private'; found {domain!r}.")
        if columns is None:
            raise ConfigError("domain='private' needs columns: name the columns to synthesize.")
        domain = dict.fromkeys(names_of(columns), PRIVATE)
    if not isinstance(domain, Mapping):
        raise ConfigError(f"domain must be a mapping or 'private'; found {type(domain).__name__}.")
    names = list(domain) if columns is None else names_of(columns)
    if not names:
        raise ConfigError("columns is empty: name at least one column to synthesize.")
    if not all(isinstance(name, str) for name in names):
        raise ConfigError("the names of columns must be texts.")
    if len(set(names)) != len(names):
        raise ConfigError("columns names a column twice.")
    found = []
    for name in names:
        if name not in domain:
            raise ConfigError(
                f"domain must declare {name!r}: its values, or edges of its bins. Which values "
                f"occur in the data would disclose something about people (or write "
                f"'private', which finds them with a part of the budget)."
                f"{did_you_mean(name, domain)}"
            )
        try:
            found.append((name, _declared(domain[name])))
        except ConfigError as error:
            raise ConfigError(f"domain of {name!r}: {error}") from None
    return Domain(tuple(found))


def _declared(given: Any) -> Declared:
    if isinstance(given, Values | Bins):
        return given
    if given == PRIVATE:
        return PrivateColumn()
    if isinstance(given, Mapping):
        which = "edges" if "edges" in given else "values"
        allowed = _KEYS[which]
        for key in given:
            if key not in allowed:
                raise ConfigError(
                    f"unknown key {key!r}.{did_you_mean(str(key), allowed)} "
                    f"Allowed: {', '.join(allowed)}."
                )
        if which not in given:
            raise ConfigError("give values or edges.")
        options = {key: value for key, value in given.items() if key != which}
        made: Declared = (Bins if which == "edges" else Values)(_listed(given[which]), **options)
        return made
    return Values(_listed(given))


def _listed(given: Any) -> tuple[Any, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray | range):
        raise ConfigError("a list was expected.")
    return tuple(v.item() if isinstance(v, np.generic) else v for v in given)
