"""Count the cells of a frame natively, after a check of the numbers that are summed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import is_number
from rai_scale.engines.key_values import key_values
from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns
from rai_scale.fairness.data_balance.cells import MAX_GROUPS, BalanceCells, Columns
from rai_scale.statistics.cells import MAX_CELLS, counts_of
from rai_scale.statistics.score_codes import lacks_positive

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

FAULTS = pa.schema([("column", pa.string()), ("missing", pa.int64()), ("outside", pa.int64())])


def count_cells(engine: Engine, frame: Any, columns: Columns) -> BalanceCells:
    """Count the frame once over all keys; executes.

    Raises
    ------
    ConfigError
        If columns have two roles, missing values or numbers out of range, or have more than
        ``MAX_GROUPS`` values.
    MissingColumnError
        If the frame lacks a column.
    """
    schema = engine.schema(frame)
    _check_parts(columns, schema)
    _check_numbers(engine, frame, columns)
    score, weight = columns.score, columns.sample_weight
    sums: list[str | tuple[str, ...]] = [] if weight is None else [weight]
    if score is not None:
        sums.append(score if weight is None else (score, weight))
    try:
        table = counts_of(engine, frame, columns.keys, sums, MAX_CELLS)
    except TooManyGroupsError:
        raise ConfigError(
            f"more than {MAX_CELLS:,} combinations of {', '.join(map(repr, columns.keys))}. "
            "Measures of balance need columns with few values: bin numbers first."
        ) from None
    return _cells(table, columns)


def _check_parts(columns: Columns, schema: pa.Schema) -> None:
    used = [*columns.keys, *columns.numbers]
    check_columns(used, schema.names)
    twice = sorted({name for name in used if used.count(name) > 1})
    if twice:
        raise ConfigError(
            f"{', '.join(map(repr, twice))} has more than one role. Use different columns for "
            f"sensitive features, control features, label, prediction, score and weight."
        )
    if not columns.sensitive:
        raise ConfigError("sensitive_features is empty; name at least one column.")
    for number in columns.numbers:
        kind = schema.field(number).type
        if not is_number(kind):
            raise ConfigError(f"{number!r} is summed, so it must be a number; it is {kind}.")
    for name in (columns.label, columns.prediction):
        if name is not None:
            _check_positive(name, schema.field(name).type, columns.positive)


def _check_positive(name: str, kind: pa.DataType, positive: Any) -> None:
    text = pa.types.is_string(kind)
    if text != isinstance(positive, str):
        raise ConfigError(
            f"pos_label={positive!r} cannot be a value of {name!r}, which has type {kind}. "
            f"Pass pos_label as {'text' if text else 'a number or True'}."
        )


@dataclass(frozen=True)
class FindFaults:
    """Count missing and invalid numbers of a batch; scores are in 0..1, weights >= 0."""

    score: str | None
    weight: str | None
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row per column."""
        rows = []
        for name, high in ((self.score, 1.0), (self.weight, float("inf"))):
            if name is not None:
                values = pc.cast(table[name], pa.float64()).to_numpy(zero_copy_only=False)
                missing = np.isnan(values)
                outside = ~missing & ~((values >= 0) & (values <= high) & np.isfinite(values))
                rows.append((name, int(missing.sum()), int(outside.sum())))
        return pa.table([list(column) for column in zip(*rows, strict=True)], schema=FAULTS)


def _check_numbers(engine: Engine, frame: Any, columns: Columns) -> None:
    """Raise if a sum would skip a missing number or hide an invalid one."""
    if not columns.numbers:
        return
    function = FindFaults(columns.score, columns.sample_weight)
    found = engine.collect(
        engine.map_partitions(frame, function, FAULTS, inputs=columns.numbers, label="balance")
    ).to_pandas()
    for name in columns.numbers:
        missing, outside = found.loc[found["column"] == name, ["missing", "outside"]].sum()
        wanted = "between 0 and 1" if name == columns.score else "finite and 0 or above"
        if missing or outside:
            raise ConfigError(
                f"{name!r} must be {wanted} in every row: {missing:,} rows are missing and "
                f"{outside:,} are outside. Fill or drop them first; apply a sigmoid to raw "
                "scores."
            )


def _cells(table: pa.Table, columns: Columns) -> BalanceCells:
    count = len(columns.keys)
    rows = table.column(count).to_numpy().astype(float)
    if not rows.sum():
        raise ConfigError("the frame has no rows, so balance cannot be measured.")
    keys = pd.DataFrame(
        {name: _values(table.column(i)) for i, name in enumerate(columns.keys[:count])}
    )
    for name in columns.keys:
        _check_key(name, keys[name], rows, name in columns.sensitive)
    _check_found(keys, columns)
    sums = [table.column(i).to_numpy() for i in range(count + 1, table.num_columns)]
    weight = rows if columns.sample_weight is None else sums[0]
    return BalanceCells(columns, keys, rows, weight, None if columns.score is None else sums[-1])


def _values(column: pa.ChunkedArray) -> Any:
    return column.to_pandas() if column.null_count else key_values(column)


def _check_found(keys: pd.DataFrame, columns: Columns) -> None:
    """Raise if a column does not have the positive value: it was probably misspelt."""
    outcomes = [name for name in (columns.label, columns.prediction) if name is not None]
    found = {name: set(keys[name].unique().tolist()) for name in outcomes}
    for name, values in found.items():
        others: set[Any] = set().union(*(found[other] for other in outcomes if other != name))
        if lacks_positive(columns.positive, values, others):
            raise ConfigError(
                f"pos_label={columns.positive!r} is in no row of {name!r}, which has "
                f"{len(values)} values. Pass the favourable one as pos_label."
            )


def _check_key(name: str, values: pd.Series, rows: np.ndarray, sensitive: bool) -> None:
    missing = rows[values.isna().to_numpy()].sum()
    if missing:
        raise ConfigError(
            f"{name!r} is missing in {missing:,.0f} of {rows.sum():,.0f} rows. Give them their own "
            f"group, for example fillna({{{name!r}: 'unknown'}}), or remove them."
        )
    if sensitive and values.nunique() > MAX_GROUPS:
        raise ConfigError(
            f"{name!r} has {values.nunique():,} values; at most {MAX_GROUPS} are compared. Bin "
            f"them or merge rare values."
        )
