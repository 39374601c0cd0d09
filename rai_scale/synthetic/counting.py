"""Marginals counted on the engine: rows become codes, a unit's rows are bounded, cells are counted.

One pass counts many combinations of columns: by grouping sets in DuckDB; in Spark each bounded row
becomes the numbers of its cells, one per combination, and the engine counts these numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import kind_of_type
from rai_scale.engines.sql_verbs import SQL_DATA
from rai_scale.errors import ConfigError, check_columns
from rai_scale.privacy.declared_cells import kept_rows
from rai_scale.statistics.keyed_hash import key_hashes, mix
from rai_scale.synthetic.domain import Domain

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

Clique = tuple[int, ...]
"""The positions of some columns in the domain, ascending."""
MOST_CELLS = 20_000_000
"""The most cells of all counted marginals together."""
PER_PASS = 400
"""How many marginals one pass counts."""
MOST_JOINT = 5_000
"""The most cells of a combination that is counted for the marginals within it."""
_EXACT = 2**53
_MOST_GROUPED = 60
"""How many columns DuckDB can number the grouping sets of."""
_UNIT, _ORDER, _CELL = "rai_unit", "rai_order", "rai_cell"


@dataclass(frozen=True)
class CodeRows:
    """Table function: each row's unit, its position in a random order, and its codes.

    Rows without a unit, and rows with a value that has no code, are removed.
    """

    domain: Domain
    unit: str
    seed: int
    outputs: pa.Schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row per row that counts."""
        keep = np.asarray(pc.is_valid(table[self.unit]))
        order = unit_hashes(table.select([self.unit]), self.seed)
        steps = mix(
            np.arange(1, len(self.domain.columns) + 1, dtype=np.uint64) + order_key(self.seed)
        )
        columns = []
        for step, (name, declared) in zip(steps, self.domain.columns, strict=True):
            codes = declared.codes(table[name])
            keep &= codes >= 0
            order += codes.astype(np.uint64) * (step | np.uint64(1))  # overflow wraps around
            columns.append(pa.array(codes.astype(np.int32)))
        placed = (mix(order) >> np.uint64(1)).astype(np.int64)
        found = [table[self.unit], pa.array(placed), *columns]
        return pa.table(found, schema=self.outputs).filter(pa.array(keep))


def order_key(seed: int) -> np.uint64:
    """Return a 64-bit key from a seed."""
    digest = hashlib.sha256(f"rows of a unit\x00{seed}".encode()).digest()
    return np.uint64(int.from_bytes(digest[:8], "big"))


def unit_hashes(table: pa.Table, seed: int) -> np.ndarray:
    """Hash each row's unit, the only column of ``table``; uint64.

    Integers are mixed as numbers, which takes a tenth of the time of their texts. A float that is
    an integer has the hash of that integer: pandas holds integers with nulls as floats.
    """
    column = table.column(0)
    if pa.types.is_integer(column.type):
        whole = np.ones(table.num_rows, dtype=bool)
        numbers = pc.fill_null(column, 0).to_numpy().astype(np.uint64)
    elif pa.types.is_floating(column.type):
        values = pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy()
        whole = np.isfinite(values) & (np.trunc(values) == values) & (np.abs(values) < _EXACT)
        numbers = np.where(whole, values, 0).astype(np.int64).astype(np.uint64)
    else:
        return key_hashes(table, seed)
    hashed = mix(numbers + order_key(seed))
    return hashed if whole.all() else np.where(whole, hashed, key_hashes(table, seed))


def check_frame(engine: Engine, frame: Any, domain: Domain, unit: str) -> Any:
    """Return the frame without object columns, if its columns fit the domain; no row is read.

    Raises
    ------
    MissingColumnError
        If a column is missing.
    ConfigError
        If the type of a column does not fit its declaration.
    """
    check_columns([unit, *domain.names], engine.columns(frame))
    if unit in domain.names:
        raise ConfigError(f"the privacy unit {unit!r} cannot be a synthesized column.")
    kinds = {name: declared.kind for name, declared in domain.columns}
    frame = engine.declared(frame, {**kinds, unit: pa.string()})
    schema = engine.schema(frame)
    for name, declared in domain.columns:
        kind = schema.field(name).type
        if name in domain.private:
            if kind_of_type(kind) is None:
                raise ConfigError(
                    f"column {name!r} has type {kind}, which cannot have a private domain. Declare "
                    "its values, or leave it out."
                )
            continue
        try:
            declared.codes(pa.chunked_array([], kind))
        except (pa.ArrowException, TypeError, ValueError):
            raise ConfigError(
                f"column {name!r} has type {kind}, which does not fit its declared domain "
                f"({declared.kind}). Cast the column, or declare values or edges of its type."
            ) from None
    return frame


def exact_marginals(
    engine: Engine,
    frame: Any,
    domain: Domain,
    cliques: Sequence[Clique],
    *,
    unit: str,
    max_rows: int,
    seed: int,
) -> dict[Clique, np.ndarray]:
    """Return the bounded counts of each combination of columns; they are not private.

    Parameters
    ----------
    engine : Engine
    frame : frame of the engine
        As returned by :func:`check_frame`.
    domain : Domain
    cliques : sequence of tuple of int
    unit : str
        The column of the privacy unit.
    max_rows : int
        At most this many rows of a unit are counted, chosen by a keyed hash of unit and row.
    seed : int
        Key of this hash; the same seed gives the same counts on every engine and partitioning.

    Returns
    -------
    dict of tuple to ndarray of int64
        In the shape of each combination.
    """
    kind = engine.schema(frame).field(unit).type
    codes = [f"c{i}" for i in range(len(domain.columns))]
    outputs = pa.schema(
        [(_UNIT, kind), (_ORDER, pa.int64()), *((name, pa.int32()) for name in codes)]
    )
    function = CodeRows(domain, unit, seed, outputs)
    inputs = [unit, *domain.names]
    rows = engine.map_partitions(frame, function, outputs, inputs=inputs, label="marginals")
    joint = covering(domain, cliques)
    counted: dict[Clique, np.ndarray] = {}
    for start in range(0, len(joint), PER_PASS):
        part = joint[start : start + PER_PASS]
        counted |= _one_pass(engine, rows, domain, part, max_rows=max_rows)
    return {clique: _summed(counted, clique) for clique in cliques}


def covering(domain: Domain, cliques: Sequence[Clique]) -> list[Clique]:
    """Return fewer and larger combinations that contain all of some; each has few cells.

    91 pairs of 14 columns are in about 20 combinations of four, so each row is grouped 20 times.
    """
    left = dict.fromkeys(cliques)
    found = []
    while left:
        block = set(next(iter(left)))
        while True:
            near: dict[int, int] = {}
            for clique in left:
                new = [i for i in clique if i not in block]
                if len(new) == 1:
                    near[new[0]] = near.get(new[0], 0) + 1
            cells = domain.cells(sorted(block))
            fits = [i for i in near if cells * domain.sizes[i] <= MOST_JOINT]
            if not fits:
                break
            block.add(max(fits, key=lambda i: (near[i], -i)))
        found.append(tuple(sorted(block)))
        left = {clique: None for clique in left if not block >= set(clique)}
    return found


def _summed(counts: Mapping[Clique, np.ndarray], clique: Clique) -> np.ndarray:
    """Return a marginal from the counts of a combination that contains it."""
    joint = next(c for c in counts if set(clique) <= set(c))
    away = tuple(at for at, i in enumerate(joint) if i not in clique)
    return np.asarray(counts[joint].sum(axis=away))


def _one_pass(
    engine: Engine, rows: Any, domain: Domain, cliques: Sequence[Clique], *, max_rows: int
) -> dict[Clique, np.ndarray]:
    sizes = [domain.cells(clique) for clique in cliques]
    starts = list(accumulate(sizes, initial=0))
    columns = ", ".join(f"c{i}" for i in range(len(domain.columns)))
    kept = kept_rows(_UNIT, _ORDER, columns, max_rows)
    numbers = [_number(domain, c, at) for c, at in zip(cliques, starts, strict=False)]
    grouped = engine.dialect == "duckdb" and len(domain.columns) <= _MOST_GROUPED
    totals = (_by_sets if grouped else _by_numbers)(engine.dialect, kept, cliques, numbers)
    selected = f"SELECT {_UNIT}, {_ORDER}, {columns} FROM {SQL_DATA}"  # noqa: S608
    table = engine.aggregate_sql(rows, selected, totals, keys=[_CELL], together=[_UNIT])
    counts = np.zeros(starts[-1], np.int64)
    counts[table[_CELL].to_numpy()] = table["n"].to_numpy()
    parts = np.split(counts, starts[1:-1])
    return {c: part.reshape(domain.shape(c)) for c, part in zip(cliques, parts, strict=True)}


def _by_sets(dialect: str, kept: str, cliques: Sequence[Clique], numbers: Sequence[str]) -> str:
    """Return SQL that groups by each combination (on Spark, it would copy all columns)."""
    used = sorted({i for clique in cliques for i in clique})
    columns = ", ".join(f"c{i}" for i in used)
    sets = ", ".join(f"({', '.join(f'c{i}' for i in clique)})" for clique in cliques)
    found = " ".join(
        f"WHEN {sum(1 << k for k, i in enumerate(reversed(used)) if i not in clique)} THEN {number}"
        for clique, number in zip(cliques, numbers, strict=True)
    )
    return (
        f"SELECT CASE which {found} END AS {_CELL}, n FROM ("  # noqa: S608
        f"SELECT {columns}, grouping_id({columns}) AS which, CAST(count(*) AS BIGINT) AS n "
        f"FROM ({kept}) AS kept GROUP BY GROUPING SETS ({sets})) AS grouped WHERE n > 0"
    )


def _by_numbers(dialect: str, kept: str, cliques: Sequence[Clique], numbers: Sequence[str]) -> str:
    """Return SQL that makes each row the numbers of its cells, and counts these numbers."""
    listed = ", ".join(numbers)
    split = f"unnest([{listed}])" if dialect == "duckdb" else f"explode(array({listed}))"
    return (
        f"SELECT {_CELL}, CAST(count(*) AS BIGINT) AS n "  # noqa: S608
        f"FROM (SELECT {split} AS {_CELL} FROM ({kept}) AS kept) AS split GROUP BY {_CELL}"
    )


def _number(domain: Domain, clique: Clique, start: int) -> str:
    """Return SQL for the number of a row's cell among all cells of a pass."""
    sql = "CAST(0 AS BIGINT)"
    for i in clique:
        sql = f"({sql} * {domain.sizes[i]} + c{i})"
    return f"{sql} + {start}"
