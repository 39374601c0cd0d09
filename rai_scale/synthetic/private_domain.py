"""Values and edges that are paid for: found by noisy counts, with a part of the budget.

Texts are named above a threshold (stability-based histograms; Korolova et al. 2009). Numbers, dates
and times are counted in the cells of a public grid, twice: in wide cells, which show where the
values are, and in narrow ones. Edges are quantiles of the noisy counts.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import kind_of_type
from rai_scale.engines.sql_tables import without_invalid_text
from rai_scale.engines.sql_verbs import SQL_DATA
from rai_scale.privacy.bounding import Bounding
from rai_scale.privacy.declared_cells import kept_rows
from rai_scale.privacy.noise import gaussian_for
from rai_scale.privacy.rare_groups import threshold_for
from rai_scale.statistics.keyed_hash import key_hashes
from rai_scale.synthetic.domain import MOST_FOUND, Domain, PrivateColumn, Values
from rai_scale.synthetic.public_grids import Grid, grid_of

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

SHARE = 0.1
"""The share of the budget that finds private values and edges."""
OTHER = ("other", "(other)", "(any other)")
_UNIT, _ORDER, _KEY = "rai_unit", "rai_order", "rai_key"


@dataclass(frozen=True)
class KeyRows:
    """Table function: each row's unit, its position in a random order, and its keys.

    A key is the number of the column and, unless the value is null, a text or the number of a cell.
    """

    unit: str
    grids: Mapping[str, Grid | None]
    seed: int
    outputs: pa.Schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row per row with a unit."""
        keys = {}
        for at, (name, grid) in enumerate(self.grids.items()):
            column = without_invalid_text(table[name]) if grid is None else table[name]
            missing = pc.is_null(column, nan_is_null=True)
            texts = column if grid is None else pa.chunked_array([pa.array(grid.cells(column))])
            found = pc.binary_join_element_wise(f"{at}", pc.cast(texts, pa.string()), ":")
            keys[f"k{at}"] = pc.if_else(missing, f"{at}", found)
        hashed = key_hashes(pa.table({_UNIT: table[self.unit], **keys}), self.seed)
        order = pa.array((hashed >> np.uint64(1)).astype(np.int64))
        found = pa.table([table[self.unit], order, *keys.values()], schema=self.outputs)
        return found.filter(pc.is_valid(table[self.unit]))


def private_domain(
    engine: Engine,
    frame: Any,
    domain: Domain,
    *,
    unit: str,
    max_rows: int,
    rho: Fraction,
    delta: Fraction,
) -> Domain:
    """Return a domain whose private columns have values or bins; executes.

    Parameters
    ----------
    engine : Engine
    frame : frame of the engine
        As returned by ``check_frame``.
    domain : Domain
    unit : str
        The column of the privacy unit.
    max_rows : int
        At most this many rows of a unit are counted.
    rho : Fraction
        What the noise of all private columns together costs.
    delta : Fraction
        What the thresholds of all columns of texts together cost.
    """
    schema = engine.schema(frame)
    private = {
        name: grid_of(schema.field(name).type)
        for name, declared in domain.columns
        if isinstance(declared, PrivateColumn)
        and kind_of_type(schema.field(name).type) != "bool"  # whose values are public
    }
    found: dict[str, Any] = {
        name: Values((False, True))
        for name, declared in domain.columns
        if isinstance(declared, PrivateColumn) and name not in private
    }
    if private:
        texts = sum(grid is None for grid in private.values())
        each, part = rho / len(private), delta / max(1, texts)
        least = math.ceil(gaussian_for(Bounding(max_rows).by_units(), each).scale)
        counts = _counts(engine, frame, private, unit=unit, max_rows=max_rows, least=least)
        for at, (name, grid) in enumerate(private.items()):
            if grid is None:
                found[name] = _named(counts[at], max_rows, each, part, least)
            else:
                found[name] = _binned(grid, counts[at], max_rows, each)
    columns = tuple((name, found.get(name, declared)) for name, declared in domain.columns)
    return Domain(columns)


def _counts(
    engine: Engine,
    frame: Any,
    grids: Mapping[str, Grid | None],
    *,
    unit: str,
    max_rows: int,
    least: int,
) -> list[dict[str | None, int]]:
    """Return for each column the units per text, or the rows per cell; None is null.

    Texts of fewer than ``least`` units are not brought to the driver.
    """
    kind = engine.schema(frame).field(unit).type
    names = [f"k{at}" for at in range(len(grids))]
    outputs = pa.schema(
        [(_UNIT, kind), (_ORDER, pa.int64()), *((name, pa.string()) for name in names)]
    )
    function = KeyRows(unit, grids, secrets.randbits(63), outputs)
    inputs = [unit, *grids]
    rows = engine.map_partitions(frame, function, outputs, inputs=inputs, label="private domain")
    listed = ", ".join(names)
    kept = kept_rows(_UNIT, _ORDER, f"{_UNIT}, {listed}", max_rows)
    split = f"unnest([{listed}])" if engine.dialect == "duckdb" else f"explode(array({listed}))"
    cells = [f"'{at}:%'" for at, grid in enumerate(grids.values()) if grid is not None]
    whole = " OR ".join([f"{_KEY} NOT LIKE '%:%'", *(f"{_KEY} LIKE {one}" for one in cells)])
    units = f"count(DISTINCT {_UNIT})" if max_rows > 1 else "count(*)"
    counted = f"CASE WHEN {whole} THEN count(*) ELSE {units} END"
    # where one statement sees only a part of the units, rare texts are left out afterwards
    having = f" HAVING {whole} OR {units} >= {least}" if engine.sql_sees_all else ""
    totals = (
        f"SELECT {_KEY}, CAST({counted} AS BIGINT) AS n FROM (SELECT {_UNIT}, {split} AS {_KEY} "  # noqa: S608
        f"FROM ({kept}) AS kept) AS split GROUP BY {_KEY}{having}"
    )
    selected = f"SELECT {_UNIT}, {_ORDER}, {listed} FROM {SQL_DATA}"  # noqa: S608
    table = engine.aggregate_sql(rows, selected, totals, keys=[_KEY], together=[_UNIT])
    found: list[dict[str | None, int]] = [{} for _ in grids]
    for key, count in zip(table[_KEY].to_pylist(), table["n"].to_pylist(), strict=True):
        at, colon, value = key.partition(":")
        found[int(at)][value if colon else None] = count
    return found


def _named(
    counts: Mapping[str | None, int], max_rows: int, rho: Fraction, delta: Fraction, least: int
) -> Values:
    """Return the texts that enough units have.

    A text of fewer than ``least`` units is never named, so the threshold is that of a text of one
    unit, moved by ``least - 1``.
    """
    noise = gaussian_for(Bounding(max_rows).by_units(), rho)
    threshold = least - 1 + threshold_for(noise, max_rows, delta)
    common = [value for value, count in counts.items() if value is not None and count >= least]
    drawn = noise.draw(np.array([counts.get(None, 0), *(counts[v] for v in common)]))
    named = sorted((-n, v) for v, n in zip(common, drawn[1:], strict=True) if n >= threshold)
    values = tuple(sorted(value for _, value in named[:MOST_FOUND]))
    other = next(name for name in (*OTHER, "\x00") if name not in values)
    return Values(values, other, nullable=bool(drawn[0] >= threshold))


def _binned(grid: Grid, counts: Mapping[str | None, int], max_rows: int, rho: Fraction) -> Any:
    """Return bins with edges at quantiles, or the integers themselves if there are few."""
    noise = gaussian_for(Bounding(max_rows).by_rows(1), rho / 2)
    narrow = np.zeros(len(grid.lower) + 1, np.int64)  # the last is null
    for cell, count in counts.items():
        narrow[-1 if cell is None else int(cell)] = count
    wide = np.bincount(grid.wide, weights=narrow[:-1]).astype(np.int64)
    noisy = noise.draw(narrow)
    nullable = bool(noisy[-1] >= Grid.SIGNAL * noise.scale)
    return grid.declared(noise.draw(wide), noisy[:-1], noise.scale, nullable=nullable)
