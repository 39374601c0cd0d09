"""The private mode: class sizes, or counts of declared bins, with noise, charged and released once.

Both are integers to which noise is added once. One person changes at most ``max_rows`` classes by
one person each: so at most ``max_rows`` classes move from one size to the next, and two numbers of
the histogram of sizes change per class.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines import engine_of
from rai_scale.engines.sql_tables import without_invalid_text
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS, Side
from rai_scale.errors import ConfigError, check_columns, check_share
from rai_scale.names import Names, names_of
from rai_scale.privacy.bounding import Sensitivity, check_max_rows
from rai_scale.privacy.declared_bins import BinNumbers, ColumnBins, release_bins
from rai_scale.privacy.declared_cells import NOISY, facts_of, noise_at, release_counts
from rai_scale.risk.columns import one_role_each, refuse_measured
from rai_scale.risk.noisy_risk import NoisyClasses, NoisySizes
from rai_scale.risk.plain_columns import refuse_lists
from rai_scale.statistics.keyed_hash import key_hashes

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.privacy.options import Privacy

# all texts of SQL in this module are made of fixed names and numbers
# ruff: noqa: S608

_UNIT, _MEET, _CLASS, _ORDER = "rai_unit", "rai_meet", "rai_class", "rai_order"


def release_class_sizes(
    frame: Any,
    *,
    quasi_identifiers: Names,
    privacy: Privacy,
    largest: int = 10,
    max_rows: int = 1,
    confidence: float = 0.95,
) -> NoisySizes:
    """Release how many classes have 1, 2, ... people, with noise and under a privacy budget.

    A class is all people with the same quasi-identifiers. Which values occur is not released; k and
    l are not either, because one person can change them by any amount. Neighbouring tables differ
    in all rows of one privacy unit.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    quasi_identifiers : str or sequence of str
        The columns by which somebody may know a person. A null is a value of its own.
    privacy : Privacy
        The budget, and where it is charged. ``privacy_unit`` is needed; rows without one are not
        counted.
    largest : int
        Classes of at least this many people are counted together; at least 2.
    max_rows : int
        At most this many rows of a unit are counted, chosen by a keyed hash. A unit counts once per
        class. More rows mean more noise.
    confidence : float
        Of all intervals together.

    Returns
    -------
    NoisySizes

    Raises
    ------
    MissingColumnError
        If a column does not exist.
    ConfigError
        If a column has two roles or a type that cannot define groups, or an option is out of range.
    BudgetExceededError
        If the release exceeds the budget; raised before any data are read.
    PrivateComputationError
        If the engine fails on the data; the message is always the same.
    """
    engine, keys = engine_of(frame), names_of(quasi_identifiers)
    check_max_rows(max_rows)
    check_share("confidence", confidence)
    if largest < 2:  # noqa: PLR2004
        raise ConfigError(f"largest must be at least 2; found {largest}.")
    _check_columns(engine, frame, keys, privacy)
    sensitivity = Sensitivity(
        groups=2 * max_rows, each=max_rows, l1=2 * max_rows, l2_squared=2 * max_rows**2
    )
    noise, cost = noise_at(privacy, sensitivity, "class sizes")
    described = {"quasi-identifiers": keys, "largest": [str(largest)]}
    query = f"sizes of classes of {', '.join(keys)} per {privacy.unit}"

    def counted() -> np.ndarray:
        seed = secrets.randbits(63)
        return exact_sizes(engine, frame, keys, privacy.unit, (largest, max_rows), seed)

    release = release_counts(counted, noise, cost, privacy, query, described, max_rows)
    counts = release.table()[NOISY].to_numpy()
    return NoisySizes(tuple(keys), counts, noise, confidence, facts_of(release, privacy))


def release_class_counts(
    frame: Any, *, privacy: Privacy, declared: ColumnBins, confidence: float = 0.95
) -> NoisyClasses:
    """Release how many rows are in each declared class, with noise and under a privacy budget.

    The classes are the combinations of declared bins of the quasi-identifiers, with and without
    rows. Neighbouring tables differ in all rows of one privacy unit. Without ``delta`` or ``rho``
    the noise is discrete Laplace.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    privacy : Privacy
        The budget, and where it is charged. ``privacy_unit`` is needed; rows without one are not
        counted.
    declared : ColumnBins
        The bins of the quasi-identifiers, and how many rows of a unit are counted.
    confidence : float
        Of all intervals together.

    Returns
    -------
    NoisyClasses

    Raises
    ------
    MissingColumnError
        If a column does not exist.
    ConfigError
        If a column has two roles, or there are more than 1,000,000 classes; nothing is charged.
    BudgetExceededError
        If the release exceeds the budget; raised before any data are read.
    PrivateComputationError
        If the engine fails on the data; the message is always the same.
    """
    engine, features = engine_of(frame), declared.features
    check_share("confidence", confidence)
    _check_columns(engine, frame, features, privacy)
    refuse_measured(features, ("rows", "low", "high"))
    counts, noise, facts = release_bins(engine, frame, BinNumbers(declared), privacy)
    return NoisyClasses(declared, counts.ravel(), noise, confidence, facts)


def exact_sizes(  # noqa: PLR0917 - the arguments of one statement
    engine: Engine, frame: Any, keys: list[str], unit: str, limits: tuple[int, int], seed: int
) -> np.ndarray:
    """Return the classes with 1, 2, ... people, the last with at least ``limits[0]``; not private.

    At most ``limits[1]`` rows of a unit are counted; the same seed keeps the same rows on every
    engine and for any partitioning. Classes of the same 63-bit hash are counted as one.
    """
    largest, max_rows = limits
    typed = engine.declared(frame, dict.fromkeys([*keys, unit], pa.string()))
    kind = engine.schema(typed).field(unit).type
    numbers = [(name, pa.int64()) for name in (_MEET, _CLASS, _ORDER)]
    function = NumberClasses(tuple(keys), unit, seed, pa.schema([(_UNIT, kind), *numbers]))
    inputs = list(dict.fromkeys([unit, *keys]))
    rows = engine.map_partitions(
        typed, function, function.outputs, inputs=inputs, label="private classes"
    )
    place = f"row_number() OVER (PARTITION BY {_UNIT} ORDER BY {_ORDER}, {_CLASS})"
    ranked = f"SELECT {_UNIT}, {_CLASS}, {place} AS place FROM p"
    kept = f"SELECT DISTINCT {_UNIT}, {_CLASS} FROM ({ranked}) AS r WHERE place <= {int(max_rows)}"
    select = f"SELECT {_UNIT}, {_MEET}, {_CLASS}, {_ORDER} FROM {SQL_DATA}"
    once = engine.join_sql(
        {"p": Side(rows, select)}, f"SELECT {_CLASS} FROM ({kept}) AS k", together=[_MEET]
    )
    people = f"SELECT count(*) AS n FROM {SQL_ROWS} GROUP BY {_CLASS}"
    size = f"CAST(least(n, {int(largest)}) AS BIGINT)"
    totals = (
        f"SELECT {size} AS size, CAST(count(*) AS BIGINT) AS classes FROM ({people}) AS c "
        f"GROUP BY {size}"
    )
    selected = f"SELECT {_CLASS} FROM {SQL_DATA}"
    table = engine.aggregate_sql(once, selected, totals, keys=["size"], together=[_CLASS])
    counts = np.zeros(largest, np.int64)
    counts[table["size"].to_numpy() - 1] = table["classes"].to_numpy()
    return counts


@dataclass(frozen=True)
class NumberClasses:
    """Table function: each row's unit and its hash, its class and its position in a random order.

    Rows without a unit are removed. A text that is not valid UTF-8 counts as missing.
    """

    keys: tuple[str, ...]
    unit: str
    seed: int
    outputs: pa.Schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row per row that counts."""
        for at, name in enumerate(table.column_names):
            table = table.set_column(at, name, without_invalid_text(table[name]))
        table = table.filter(pc.is_valid(table[self.unit]))
        chosen = ([self.unit], [*self.keys], [self.unit, *self.keys])
        hashes = [key_hashes(table.select(names), self.seed + i) for i, names in enumerate(chosen)]
        columns = [pa.array((one >> np.uint64(1)).astype(np.int64)) for one in hashes]
        return pa.table([table[self.unit], *columns], schema=self.outputs)


def _check_columns(engine: Engine, frame: Any, keys: list[str], privacy: Privacy) -> None:
    if not keys:
        raise ConfigError("quasi_identifiers: name at least one column.")
    one_role_each({"quasi-identifier": keys, "privacy unit": [privacy.unit]})
    check_columns([*keys, privacy.unit], engine.columns(frame))
    schema = engine.schema(frame)
    refuse_lists({name: schema.field(name).type for name in [*keys, privacy.unit]})
