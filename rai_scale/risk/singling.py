"""Singling out: conditions that one synthetic row satisfies, and then one person."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, check_integer, check_share
from rai_scale.models.background import sample_rows
from rai_scale.names import Names, names_of
from rai_scale.risk.attack_risk import AttackRisk, counted
from rai_scale.risk.plain_columns import attacked, ordered_array
from rai_scale.risk.predicates import Condition, Predicate, count_matches

ROUNDS, TRIED = 20, 4
"""How often, and how many times as many predicates as attacks, are tried in one pass."""
_ORDERED = ("==", "!=", "<=", ">=", "<", ">")
_CODED = ("==", "!=")
Values = dict[str, np.ndarray]


def singling_out(
    original: Any,
    synthetic: Any,
    *,
    control: Any = None,
    columns: Names | None = None,
    mode: Literal["multivariate", "univariate"] = "multivariate",
    n_columns: int = 3,
    attacks: int = 500,
    confidence: float = 0.95,
    max_rows: int = 20_000,
    random_state: int = 0,
) -> AttackRisk:
    """Measure how often a condition from a synthetic table isolates one original row; executes.

    The attacker looks for conditions that exactly one synthetic row satisfies, and guesses that
    exactly one person satisfies them too (Giomi et al., 2023, section 4.1). All conditions are
    counted over all tables, in one pass per table; only their counts come to the driver.

    - ``multivariate``: ``n_columns`` random columns of a random synthetic row: text equal to that
      of the row, numbers at least (at most) as large if they are above (below) the median;
    - ``univariate``: values that occur once, the smallest and the largest numbers, and a single
      null, of one column.

    The naive attacker takes random columns, operators and values. The control table holds people
    of the same distribution who are not in the original table: what isolates one of them as often
    was learned about everybody. It should have as many rows as the original table.

    Parameters
    ----------
    original, synthetic : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    control : frame, optional
        Without it, the risk is the rate of success.
    columns : str or sequence of str, optional
        The columns of conditions; by default all columns of the synthetic table.
    mode : {"multivariate", "univariate"}
    n_columns : int
        The columns of a condition, if ``multivariate``; fewer if there are fewer.
    attacks : int
        The number of guesses.
    confidence : float
        Of Wilson's intervals.
    max_rows : int
        The most synthetic rows from which conditions are made; from a larger table they are
        sampled. They are always counted over the whole table.
    random_state : int

    Returns
    -------
    AttackRisk

    Raises
    ------
    ConfigError
        If a table has no rows, a column has different kinds of values in two tables, or an option
        is wrong.
    MissingColumnError
        If a column does not exist.

    Notes
    -----
    Dates and times count as numbers. Medians are those of the sampled rows. Unlike in Anonymeter,
    rates of a control table of another size are not corrected; a note says so.
    """
    if mode not in ("multivariate", "univariate"):
        raise ConfigError(f"unknown mode {mode!r}; choose multivariate or univariate.")
    check_integer("attacks", attacks, 1)
    check_integer("n_columns", n_columns, 1)
    check_share("confidence", confidence)
    engine = engine_of(synthetic)
    names = names_of(columns) or engine.columns(synthetic)
    _, ordered, sizes = attacked(original, synthetic, control, names)
    rng = np.random.default_rng(random_state)
    drawn = sample_rows(engine, synthetic, names, max_rows, random_state)
    values = {name: _values(drawn[name], ordered[name]) for name in names}
    width = 1 if mode == "univariate" else min(n_columns, len(names))
    tried = (
        _unusual(values, ordered, rng)
        if mode == "univariate"
        else _of_rows(values, ordered, width, rng)
    )
    found = _isolating(synthetic, tried, attacks)
    naive = [_random(values, ordered, width, rng) for _ in range(attacks)]
    counts = count_matches(original, [*found, *naive]) == 1
    results = {"main": (len(found), counts[: len(found)].sum())}
    if control is not None:
        results["control"] = (len(found), (count_matches(control, found) == 1).sum())
    results["naive"] = (attacks, counts[len(found) :].sum())
    notes = _notes(len(found), attacks, sizes)
    return AttackRisk("singling_out", counted(**results), confidence, notes)


def _values(column: pa.ChunkedArray, ordered: bool) -> np.ndarray:
    return ordered_array(column) if ordered else np.array(column.to_pylist(), dtype=object)


def _isolating(synthetic: Any, tried: Iterator[Predicate], attacks: int) -> list[Predicate]:
    """Return up to ``attacks`` different predicates that one synthetic row satisfies."""
    found: list[Predicate] = []
    seen: set[Predicate] = set()
    for _ in range(ROUNDS):
        drawn = dict.fromkeys(islice(tried, TRIED * attacks))
        if not drawn:
            break
        batch = [predicate for predicate in drawn if predicate not in seen]
        seen.update(batch)
        counts = count_matches(synthetic, batch)
        found += [one for one, rows in zip(batch, counts, strict=True) if rows == 1]
        if len(found) >= attacks:
            break
    return found[:attacks]


def _of_rows(
    values: Values, ordered: dict[str, bool], width: int, rng: np.random.Generator
) -> Iterator[Predicate]:
    """Yield conditions on random columns of random rows, without end."""
    names = list(values)
    rows = len(values[names[0]])
    numbers = [name for name in names if ordered[name] and not np.isnan(values[name]).all()]
    medians = {name: np.nanmedian(values[name]) for name in numbers}
    while True:
        row = rng.integers(rows)
        chosen = sorted(rng.choice(len(names), width, replace=False))
        yield tuple(
            _condition(name, values[name][row], medians.get(name))
            for name in (names[at] for at in chosen)
        )


def _condition(name: str, value: Any, median: float | None) -> Condition:
    if _is_null(value):
        return name, "null", None
    if median is None:
        return name, "==", value
    return name, ">=" if value > median else "<=", float(value)


def _unusual(
    values: Values, ordered: dict[str, bool], rng: np.random.Generator
) -> Iterator[Predicate]:
    """Yield conditions on single values, in random order."""
    found: list[Condition] = []
    for name, column in values.items():
        null = np.array([_is_null(value) for value in column])
        known = column[~null]
        if null.any():
            found.append((name, "null", None))
        if not len(known):
            continue
        if ordered[name]:
            found += [(name, "<=", float(known.min())), (name, ">=", float(known.max()))]
        distinct, counts = np.unique(known, return_counts=True)
        found += [(name, "==", value) for value in distinct[counts == 1].tolist()]
    return ((found[at],) for at in rng.permutation(len(found)))


def _random(
    values: Values, ordered: dict[str, bool], width: int, rng: np.random.Generator
) -> Predicate:
    names = list(values)
    chosen = [names[at] for at in rng.choice(len(names), width, replace=False)]
    found = []
    for name in chosen:
        value = values[name][rng.integers(len(values[name]))]
        if _is_null(value):
            found.append((name, "null", None))
        else:
            operators = _ORDERED if ordered[name] else _CODED
            found.append((name, operators[rng.integers(len(operators))], value))
    return tuple(found)


def _is_null(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124 - NaN


def _notes(found: int, attacks: int, sizes: dict[str, int]) -> tuple[str, ...]:
    notes = []
    if found < attacks:
        notes.append(
            f"only {found:,} of {attacks:,} conditions that isolate a synthetic row were found."
        )
    if sizes.get("control", sizes["original"]) != sizes["original"]:
        notes.append(
            f"the control table has {sizes['control']:,} rows and the original one "
            f"{sizes['original']:,}: how often a condition isolates one row depends on this. Use "
            "tables of the same size."
        )
    return tuple(notes)
