"""Both tables of a linkage attack under short names, with types that were checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.engines.arrow_types import is_text
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.sql_verbs import SQL_DATA, Side
from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns
from rai_scale.risk.bands import Blocks, blocks_of
from rai_scale.risk.columns import Columns, mixed_notes, short_columns
from rai_scale.risk.conditions import Condition, check_types, columns_of, value_sql
from rai_scale.risk.linkage_sql import LinkageSql

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

# all texts of SQL in this module are made of fixed names
# ruff: noqa: S608

MOST_BANDS = 10_000
Pair = str | Sequence[str]
"""The name of a column in both tables, or its names in the published and in the known one."""


@dataclass(frozen=True)
class LinkageTables:
    """The two tables and the SQL that joins them; frames of intermediate counts are lazy."""

    engine: Engine
    published: Columns
    known: Columns
    sql: LinkageSql
    notes: tuple[str, ...]

    def published_blocks(self) -> Side:
        """Return the published rows per combination of values, in their blocks; lazy."""
        data, counts = self.published.data, f"({self.sql.published_counts()}) AS c"
        if self.sql.blocks:
            sides = {"p": Side(data, self.sql.published_counts()), **self.bands(blocks=True)}
            data = self.engine.join_sql(sides, self.sql.with_bands(blocks=True))
            counts = SQL_DATA
        return Side(data, self.sql.published_blocks(counts))

    def known_blocks(self) -> Side:
        """Return the known rows per combination of values, with their block; lazy."""
        return Side(self.known.data, self.sql.known_blocks(f"({self.sql.known_counts()}) AS c"))

    def only(self, at: int) -> LinkageTables:
        """Return the tables with one condition alone."""
        return replace(self, sql=self.sql.only(at))

    def with_truth(self, ids: tuple[str, str]) -> Side:
        """Return :meth:`known_blocks` with ``t``, how many of a row's own published rows match.

        ``ids`` are the SQL of the id in both tables.
        """
        meet = self.sql.hash_of(["id"])
        p = f"SELECT *{meet} FROM ({self.sql.published_values(f'{ids[0]} AS id, ')}) AS v"
        k = f"SELECT *{meet} FROM ({self.sql.known_values(f'{ids[1]} AS id, ')}) AS v"
        sides = {"p": Side(self.published.data, p), "k": Side(self.known.data, k)}
        sides |= self.bands(blocks=False)
        data = self.engine.join_sql(sides, self.sql.truth(), together=self.together)
        return Side(data, self.sql.known_blocks())

    def candidates(self, known: Side) -> Any:
        """Return the number of candidates ``c`` per combination of known values; lazy."""
        sides = {"p": self.published_blocks(), "k": known}
        return self.engine.join_sql(sides, self.sql.candidates(), together=self.together)

    @property
    def together(self) -> list[str]:
        """The column by which rows meet on Dask."""
        return [] if self.engine.sql_sees_all else ["part"]

    def bands(self, *, blocks: bool) -> dict[str, Side]:
        """Return the small tables of bands, with the ends or the blocks of each."""
        tables = self.sql.band_tables(blocks=blocks)
        return {
            name: Side(table, f"SELECT {', '.join(table.column_names)} FROM {SQL_DATA}")
            for name, table in tables.items()
        }


def linkage_tables(
    published: Any,
    known: Any,
    conditions: Sequence[Condition],
    ids: tuple[str, str] | None,
) -> tuple[LinkageTables, tuple[str, str] | None]:
    """Return both tables ready to be joined, and the SQL of the ids; counts bands if there are any.

    Raises
    ------
    ConfigError
        If the tables have different engines, or columns have types that cannot be compared.
    MissingColumnError
        If a column does not exist.
    """
    engine = engine_of(published)
    if engine.name != engine_of(known).name:
        raise ConfigError(
            f"the published table is a frame of {engine.name}, and the known one of "
            f"{engine_of(known).name}. Read both with one engine."
        )
    sides = []
    for frame, side, at in ((published, "published", 0), (known, "known", 1)):
        short = dict(columns_of(conditions, side))
        if ids is not None:
            short.setdefault(ids[at], f"c{len(short)}")
        check_columns(short, engine.columns(frame))
        sides.append(short_columns(engine, frame, short))
    a, b = sides
    named = [(a.short[one.published], b.short[one.known]) for one in conditions]
    types = [(a.types[left], b.types[right]) for left, right in named]
    for one, pair in zip(conditions, types, strict=True):
        check_types(one, *pair)
    dialect = Dialect(engine.dialect)
    blocks = {
        at: _blocks(engine, a, one)
        for at, one in enumerate(conditions)
        if one.kind == "within_band"
    }
    sql = LinkageSql(
        *(tuple(conditions), tuple(named), tuple(types), blocks, dialect),
        part=not engine.sql_sees_all,
    )
    notes = [
        *mixed_notes(published, [one.published for one in conditions]),
        *mixed_notes(known, [one.known for one in conditions]),
        *_unread_notes(conditions, blocks),
    ]
    tables = LinkageTables(engine, a, b, sql, tuple(dict.fromkeys(notes)))
    return tables, None if ids is None else _id_sql(tables, ids)


def _id_sql(tables: LinkageTables, ids: tuple[str, str]) -> tuple[str, str]:
    pair = Condition("equal", *ids)
    names = tables.published.short[ids[0]], tables.known.short[ids[1]]
    types = tables.published.types[names[0]], tables.known.types[names[1]]
    check_types(pair, *types)
    found = [value_sql(pair, name, types, tables.sql.dialect) for name in names]
    return found[0], found[1]


def _blocks(engine: Engine, columns: Columns, one: Condition) -> Blocks:
    name = columns.short[one.published]
    try:
        counts = engine.group_counts(columns.data, [name], limit=MOST_BANDS)
    except TooManyGroupsError as error:
        raise TooManyGroupsError([one.published], MOST_BANDS) from error
    texts = counts[name] if is_text(counts[name].type) else pa.chunked_array([[]], pa.string())
    return blocks_of([text for text in texts.to_pylist() if text is not None])


def _unread_notes(conditions: Sequence[Condition], blocks: dict[int, Blocks]) -> list[str]:
    return [
        f"column {conditions[at].published!r}: {found.unread:,} of its distinct values are not "
        "bands such as '20-29', and match nothing."
        for at, found in blocks.items()
        if found.unread
    ]
