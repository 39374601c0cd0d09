"""Linkability and inference: what the nearest synthetic rows give away about known people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, check_integer, check_share
from rai_scale.models.background import sample_rows
from rai_scale.names import Names, names_of
from rai_scale.risk.attack_risk import AttackRisk, counted
from rai_scale.risk.columns import one_role_each
from rai_scale.risk.nearest_rows import GUESS, Nearest, nearest_rows, widths
from rai_scale.risk.plain_columns import attacked, ordered_array


def linkability(
    original: Any,
    synthetic: Any,
    *,
    known: Sequence[Names],
    control: Any = None,
    neighbours: int = 1,
    attacks: int = 500,
    confidence: float = 0.95,
    random_state: int = 0,
) -> AttackRisk:
    """Measure how often two parts of a person's record lead to the same synthetic row; executes.

    The attacker has two tables with different columns of the same people and no common key. For
    each target, the nearest synthetic rows by the first columns, and by the second, are searched;
    if they have a row in common, the two parts are linked (Giomi et al., 2023, section 4.2). The
    distance is Gower's. The naive attacker takes random synthetic rows.

    Parameters
    ----------
    original, synthetic : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    known : pair of sequence of str
        The columns of both tables of the attacker, without common columns.
    control : frame, optional
        People of the same distribution who are not in the original table. Without it, the risk is
        the rate of success.
    neighbours : int
        The nearest rows that are compared.
    attacks : int
        The number of targets, drawn from the original (control) table; all rows if it has fewer.
    confidence : float
        Of Wilson's intervals.
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
    Equal synthetic rows are one row. A null has the distance 1 from any value and 0 from a null;
    Anonymeter replaces it by the mean.
    """
    parts = [names_of(part) for part in known]
    if len(parts) != 2 or not all(parts):  # noqa: PLR2004
        raise ConfigError("known: give two lists of columns, those of each table of the attacker.")
    one_role_each({"first part": parts[0], "second part": parts[1]})
    _check(attacks, neighbours, confidence)
    tables, ordered, sizes = attacked(original, synthetic, control, [*parts[0], *parts[1]])
    drawn = _targets(tables, [*parts[0], *parts[1]], attacks, random_state)
    spans = widths(
        synthetic, list(drawn.values()), [n for n, numbers in ordered.items() if numbers]
    )
    results = {}
    for name, targets in drawn.items():
        search = Nearest(targets, (tuple(parts[0]), tuple(parts[1])), spans, neighbours)
        found = nearest_rows(synthetic, search).to_pandas()
        first, second = (found.loc[found["part"] == part, ["target", "id"]] for part in (0, 1))
        linked = first.merge(second, on=["target", "id"])["target"].nunique()
        results[name] = (targets.num_rows, linked)
    rng = np.random.default_rng(random_state)
    shape = (2, drawn["main"].num_rows, neighbours)
    one, other = rng.integers(sizes["synthetic"], size=shape)
    results["naive"] = (shape[1], (one[:, :, None] == other[:, None, :]).any(axis=(1, 2)).sum())
    return AttackRisk("linkability", counted(**results), confidence)


def inference(
    original: Any,
    synthetic: Any,
    *,
    known: Names,
    secret: str,
    control: Any = None,
    tolerance: float = 0.05,
    attacks: int = 500,
    confidence: float = 0.95,
    random_state: int = 0,
) -> AttackRisk:
    """Measure how often the nearest synthetic row has a person's secret value; executes.

    The attacker knows some columns of a target and guesses the secret of the synthetic row that is
    nearest in them, by Gower's distance (Giomi et al., 2023, section 4.3). The naive attacker
    guesses the secret of a random synthetic row.

    Parameters
    ----------
    original, synthetic : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    known : str or sequence of str
        The columns that the attacker knows.
    secret : str
        The column that is guessed.
    control : frame, optional
        People of the same distribution who are not in the original table: what is guessed about
        them follows from the distribution. Without it, the risk is the rate of success.
    tolerance : float
        A number (or time) is right if it differs by at most this share of the guess; 0 for codes.
        All other values must be equal; a null is guessed rightly by a null.
    attacks : int
        The number of targets, drawn from the original (control) table; all rows if it has fewer.
    confidence : float
        Of Wilson's intervals.
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
    A null has the distance 1 from any value and 0 from a null; Anonymeter replaces it by the mean.
    """
    names = names_of(known)
    if not names or tolerance < 0:
        raise ConfigError("known must name at least one column, and tolerance be at least 0.")
    one_role_each({"known": names, "secret": [secret]})
    _check(attacks, 1, confidence)
    tables, ordered, _ = attacked(original, synthetic, control, [*names, secret])
    drawn = _targets(tables, [*names, secret], attacks, random_state)
    numbers = [name for name in names if ordered[name]]
    spans = widths(synthetic, list(drawn.values()), numbers)
    share = tolerance if ordered[secret] else None
    results = {}
    for name, targets in drawn.items():
        search = Nearest(targets, (tuple(names),), spans, 1, secret)
        guesses = nearest_rows(synthetic, search)[GUESS]
        results[name] = (targets.num_rows, _right(guesses, targets[secret], share).sum())
    main = drawn["main"]
    random = sample_rows(engine_of(synthetic), synthetic, [secret], main.num_rows, random_state + 1)
    at = np.random.default_rng(random_state).integers(random.num_rows, size=main.num_rows)
    naive = random[secret].take(pa.array(at))
    results["naive"] = (main.num_rows, _right(naive, main[secret], share).sum())
    return AttackRisk("inference", counted(**results), confidence)


def _check(attacks: int, neighbours: int, confidence: float) -> None:
    check_integer("attacks", attacks, 1)
    check_integer("neighbours", neighbours, 1)
    check_share("confidence", confidence)


def _targets(
    tables: dict[str, Any], names: list[str], attacks: int, seed: int
) -> dict[str, pa.Table]:
    return {
        name: sample_rows(engine_of(frame), frame, names, attacks, seed)
        for name, frame in tables.items()
    }


def _right(guesses: pa.ChunkedArray, truth: pa.ChunkedArray, share: float | None) -> np.ndarray:
    """Return which guesses are right."""
    if share is None:
        pairs = zip(guesses.to_pylist(), truth.to_pylist(), strict=True)
        return np.array([guess == value for guess, value in pairs], dtype=bool)
    guess, value = ordered_array(guesses), ordered_array(truth)
    near = np.abs(guess - value) <= share * np.abs(guess)
    found: np.ndarray = near | (np.isnan(guess) & np.isnan(value))
    return found
