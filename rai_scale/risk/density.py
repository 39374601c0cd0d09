"""Membership by densities: is a person's row more likely in a synthetic table than elsewhere?"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, check_integer, check_share
from rai_scale.models.background import sample_rows
from rai_scale.names import Names, names_of
from rai_scale.risk.membership_measures import LIMITS, area, epsilon_bound, rates, threshold
from rai_scale.risk.membership_result import Membership
from rai_scale.risk.plain_columns import coded, comparable, ordered_array, row_count

_CHUNK = 200_000_000
_UNLIKE = 3.0
"""The distance, in bandwidths, between a number and a null."""


def density_membership(
    members: Any,
    non_members: Any,
    synthetic: Any,
    *,
    reference: Any,
    columns: Names | None = None,
    bandwidth: float = 0.1,
    delta: float = 0.0,
    confidence: float = 0.95,
    max_rows: int = 5_000,
    random_state: int = 0,
) -> Membership:
    """Measure how well an attacker recognises whose rows a synthetic table was made from; executes.

    The score of a row is the logarithm of its density in the synthetic table, minus that in rows of
    the same distribution that the synthetic table was not made from (DOMIAS: van Breugel, Sun, Qian
    and van der Schaar, 2023): a generator that overfits puts density where its own rows were.

    Densities are means of product kernels: Gaussian for numbers and times, with a share of Scott's
    bandwidth, and that of Aitchison and Aitken (1976) for all other values.

    Parameters
    ----------
    members : DataFrame, DuckDB relation or pyarrow.Table
        The rows that the synthetic table was made from; pandas, Dask or Spark (classic or Connect).
    non_members : frame
        Rows of the same distribution that it was not made from.
    synthetic : frame
    reference : frame
        More rows of the same distribution that it was not made from: what the attacker compares
        with. They must not be among ``non_members``.
    columns : str or sequence of str, optional
        The columns that the attacker knows; by default all columns of the synthetic table.
    bandwidth : float
        The share of Scott's bandwidth; narrow kernels see copies, wide ones see crowds.
    delta : float
        The delta of the bound of epsilon.
    confidence : float
        Of the intervals and of the bound.
    max_rows : int
        The most rows of each table that are used; from a larger table they are sampled.
    random_state : int

    Returns
    -------
    Membership
        ``auc`` is 0.5 if nothing is recognised.

    Raises
    ------
    ConfigError
        If a table has no rows, a column has different kinds of values in two tables, or an option
        is wrong.
    MissingColumnError
        If a column does not exist.
    """
    check_share("confidence", confidence)
    check_integer("max_rows", max_rows, 1)
    if not 0 <= delta < 1 or bandwidth <= 0:
        raise ConfigError(
            f"delta must be at least 0 and below 1, and bandwidth above 0; found {delta!r} and "
            f"{bandwidth!r}."
        )
    names = names_of(columns) or engine_of(synthetic).columns(synthetic)
    sides = {
        "members": members,
        "non_members": non_members,
        "synthetic": synthetic,
        "reference": reference,
    }
    ordered = comparable(list(sides.items()), names)
    for side, frame in sides.items():
        row_count(side, frame)
    drawn = {
        side: sample_rows(engine_of(frame), frame, names, max_rows, random_state)
        for side, frame in sides.items()
    }
    arrays = _arrays(drawn, ordered)
    targets = {n: np.concatenate([arrays["members"][n], arrays["non_members"][n]]) for n in names}
    inside = np.arange(len(targets[names[0]])) < drawn["members"].num_rows
    scores = _log_density(targets, arrays["synthetic"], ordered, bandwidth)
    scores -= _log_density(targets, arrays["reference"], ordered, bandwidth)
    rng = np.random.default_rng(random_state)
    cuts = {limit: threshold(scores, inside, limit) for limit in LIMITS}
    return Membership(
        rates=pd.DataFrame(
            {"limit": limit, "threshold": cut, **rates(scores, inside, cut, confidence)}
            for limit, cut in cuts.items()
        ),
        groups=None,
        auc=area(scores, inside),
        epsilon_low=epsilon_bound(scores, inside, delta=delta, confidence=confidence, rng=rng),
        attack="density",
        members=int(inside.sum()),
        non_members=int((~inside).sum()),
        counted="rows",
        confidence=confidence,
    )


def _arrays(
    tables: dict[str, pa.Table], ordered: dict[str, bool]
) -> dict[str, dict[str, np.ndarray]]:
    """Return numbers as float64, and all other values as codes that are the same in all tables."""
    found: dict[str, dict[str, np.ndarray]] = {side: {} for side in tables}
    for name, numbers in ordered.items():
        if numbers:
            values = np.concatenate([ordered_array(table[name]) for table in tables.values()])
        else:
            lists = (table[name].to_pylist() for table in tables.values())
            values = coded(pa.chunked_array([pa.array([*chain(*lists)])]))[0]
        ends = np.cumsum([table.num_rows for table in tables.values()])
        for side, part in zip(tables, np.split(values, ends[:-1]), strict=True):
            found[side][name] = part
    return found


def _log_density(
    targets: dict[str, np.ndarray],
    rows: dict[str, np.ndarray],
    ordered: dict[str, bool],
    bandwidth: float,
) -> np.ndarray:
    """Return the logarithm of each target's density among some rows, up to a constant."""
    size, columns = len(next(iter(rows.values()))), len(rows)
    factor = bandwidth * size ** (-1 / (columns + 4))  # Scott (1992)
    found = np.empty(len(next(iter(targets.values()))))
    step = max(1, _CHUNK // 8 // size)
    kernels = {n: _kernel(n, targets, rows, ordered[n], factor) for n in rows}
    for start in range(0, len(found), step):
        part = slice(start, start + step)
        logs = sum(kernel(part) for kernel in kernels.values())
        top = np.max(logs, axis=1, keepdims=True)
        found[part] = top[:, 0] + np.log(np.exp(logs - top).mean(axis=1))
    return found


def _kernel(
    name: str,
    targets: dict[str, np.ndarray],
    rows: dict[str, np.ndarray],
    numbers: bool,
    factor: float,
) -> Any:
    """Return a function of some targets: the logarithms of the kernel between them and all rows."""
    given, known = targets[name], rows[name]
    if not numbers:
        share = min(0.5, factor**2)
        others = max(1, len(np.unique(known)) - 1)
        equal, unlike = math.log1p(-share), math.log(share / others)
        return lambda part: np.where(given[part, None] == known, equal, unlike)
    spread = float(np.nanstd(known)) if not np.isnan(known).all() else 0.0
    width = factor * (spread or 1.0)

    def kernel(part: slice) -> np.ndarray:
        distance = (given[part, None] - known) / width
        missing = np.isnan(given[part, None]), np.isnan(known)
        distance = np.where(missing[0] ^ missing[1], _UNLIKE, distance)
        found: np.ndarray = -0.5 * np.where(missing[0] & missing[1], 0.0, distance) ** 2
        return found - math.log(width)

    return kernel
