"""Marginals counted on the engine: rows become codes, a unit's rows are bounded, cells are counted.

One pass counts all combinations of columns: batches of rows become codes in few words, the engine
keeps at most some rows of each unit, batches of kept rows become counts of cells, and the engine
adds these up. Arrays of small codes are counted in a tenth of the time of grouping sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rai_scale.engines.arrow_types import kind_of_type
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS, Side
from rai_scale.errors import ConfigError, check_columns
from rai_scale.privacy.declared_cells import kept_rows
from rai_scale.synthetic.domain import Domain
from rai_scale.synthetic.packing import CELL, CELLS, CountCells, Layout, PackRows

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

Clique = tuple[int, ...]
"""The positions of some columns in the domain, ascending."""
MOST_CELLS = 20_000_000
"""The most cells of all counted marginals together."""
MOST_JOINT = 1_000
"""The most cells of a combination that is counted for the marginals within it."""
_UNIT, _ORDER = "rai_unit", "rai_order"


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
    layout = Layout(domain.sizes)
    kind = engine.schema(frame).field(unit).type
    packed = pa.schema(
        [(_UNIT, kind), (_ORDER, pa.int64()), *((name, pa.int64()) for name in layout.words)]
    )
    pack = PackRows(domain, unit, seed, packed)
    inputs = [unit, *domain.names]
    rows = engine.map_partitions(frame, pack, packed, inputs=inputs, label="marginals")
    words = ", ".join(layout.words)
    side = Side(rows, f"SELECT {_UNIT}, {_ORDER}, {words} FROM {SQL_DATA}")  # noqa: S608
    kept = kept_rows(_UNIT, _ORDER, words, max_rows)
    bounded = engine.join_sql({SQL_ROWS: side}, kept, together=[_UNIT])
    joint = covering(domain, cliques)
    count = CountCells(layout, joint)
    counted = engine.map_partitions(
        bounded, count, CELLS, inputs=layout.words, label="counts of marginals"
    )
    selected = f"SELECT {CELL}, n FROM {SQL_DATA}"  # noqa: S608
    totals = f"SELECT {CELL}, CAST(sum(n) AS BIGINT) AS n FROM {SQL_ROWS} GROUP BY {CELL}"  # noqa: S608
    table = engine.aggregate_sql(counted, selected, totals, keys=[CELL])
    counts = np.zeros(count.starts[-1], np.int64)
    counts[table[CELL].to_numpy()] = table["n"].to_numpy()
    parts = np.split(counts, count.starts[1:-1])
    found = {c: part.reshape(domain.shape(c)) for c, part in zip(joint, parts, strict=True)}
    return {clique: _summed(found, clique) for clique in cliques}


def covering(domain: Domain, cliques: Sequence[Clique]) -> list[Clique]:
    """Return fewer and larger combinations that contain all of some; each has few cells.

    91 pairs of 14 columns are in about 30 combinations of three, so each row is counted 30 times.
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
