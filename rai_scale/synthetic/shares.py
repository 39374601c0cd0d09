"""How each method divides its budget: what a column, a choice and a marginal get."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

COLUMNS_SHARE = Fraction(1, 5)
"""The share of the budget for the columns alone, in ``mst``."""
AIM_COLUMNS_SHARE = Fraction(1, 10)
"""The same in ``aim``."""
CHOICE_SHARE = Fraction(1, 10)
"""The share of the budget, or of a round, for choices."""
ROUNDS = 1.5
"""Rounds per column that ``aim`` divides its budget by at first.

McKenna et al. (2022) take 16, with which each marginal is measured several times, with more fits.
"""
Shares = tuple[Fraction, Fraction]


def aim_rounds(columns: int, rounds: int | None) -> int:
    """Return by how many rounds ``aim`` divides its budget at first."""
    return rounds or math.ceil(ROUNDS * columns)


def _fixed(rho: Fraction, columns: int, workload: int, rounds: int | None) -> Shares:
    each = rho / (columns + workload)
    return each, each


def _mst(rho: Fraction, columns: int, workload: int, rounds: int | None) -> Shares:
    measured = max(1, min(columns - 1, workload))
    return rho * COLUMNS_SHARE / columns, rho * (1 - COLUMNS_SHARE - CHOICE_SHARE) / measured


def _aim(rho: Fraction, columns: int, workload: int, rounds: int | None) -> Shares:
    each = rho * (1 - AIM_COLUMNS_SHARE) / aim_rounds(columns, rounds)
    return rho * AIM_COLUMNS_SHARE / columns, each * (1 - CHOICE_SHARE)


def _mwem(rho: Fraction, columns: int, workload: int, rounds: int | None) -> Shares:
    each = rho / ((rounds or columns) + 1)
    return each / columns, each * (1 - CHOICE_SHARE)


SHARES: Mapping[str, Callable[[Fraction, int, int, int | None], Shares]] = {
    "fixed": _fixed,
    "mst": _mst,
    "aim": _aim,
    "mwem": _mwem,
}
"""By method: from rho, columns, marginals of the workload and rounds to rho of one column, and of
one marginal (in the first round, for methods with rounds)."""
