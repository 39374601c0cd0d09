"""What a scan guarantees, and after how many rows it may stop.

A run may make wrong claims with probability ``1 - confidence`` at most (Bonferroni's inequality).
This probability is divided equally among the tables of the run, and within a table among its
columns, and within a column among the types that are searched. A table is analysed in rounds of
1,000, 2,000, 4,000, ... rows. Only rounds after which claims may be made use up a part of the
probability: nine tenths of it for the first, nine tenths of the rest for the second, and so on
(alpha spending: Lan & DeMets 1983, Biometrika 70, 659-663); a later round has more rows and needs
less. Rounds after which a type without hits could not be claimed absent are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from rai_scale.errors import ConfigError
from rai_scale.statistics.finite_population import share_bounds

Mode = Literal["sample", "full"]
FIRST_ROUND = 1_000
_SPENT = 0.9
_SAFETY = 0.998
"""The smallest part of a round that is drawn; see :mod:`.row_priority`."""


@dataclass(frozen=True)
class Guarantee:
    """How sure the result of a scan must be.

    Attributes
    ----------
    mode : {"sample", "full"}
        Whether to analyse only as many rows as the claims need, or all.
    error : float
        Largest distance, from 0 to 1, between the share of rows with a type and its bounds.
    confidence : float
        Probability with which all claims of a run hold together.
    absent_below : float
        A type without any hit is claimed to be in at most this share of the rows.
    """

    mode: Mode = "sample"
    error: float = 0.02
    confidence: float = 0.95
    absent_below: float = 0.001

    def __post_init__(self) -> None:
        """Check the values."""
        if self.mode not in ("sample", "full"):
            raise ConfigError(f"mode must be 'sample' or 'full'; found {self.mode!r}.")
        for name in ("error", "confidence", "absent_below"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ConfigError(f"{name} must be between 0 and 1; found {value}.")
        if self.confidence < 0.5:  # noqa: PLR2004
            raise ConfigError(f"confidence must be at least 0.5; found {self.confidence}.")

    def part_alpha(self, tables: int, number: int | None = None) -> float:
        """Return the probability of wrong claims that a part of a table may use.

        Parameters
        ----------
        tables : int
            Tables of the run.
        number : int, optional
            If later scans may add parts: the sampled parts that the table has already. Part
            ``i = 1, 2, ...`` gets ``1 / (i (i + 1))`` of the table's probability, so that all of
            them together have no more than that. By default, the part is the whole table.
        """
        share = 1.0 if number is None else 1 / ((number + 1) * (number + 2))
        return (1 - self.confidence) / max(tables, 1) * share


class Round(NamedTuple):
    """The rows that are analysed up to a round, and the probability of wrong claims after it."""

    rows: int
    alpha: float


def claim_tail(alpha: float, columns: int, types: int) -> float:
    """Return the probability with which one bound of one claim may be wrong.

    ``types`` are those that are searched; the number of rows with a value is one claim more.
    """
    return min(0.2, alpha / (2 * max(columns, 1) * (types + 1)))


@lru_cache(1024)
def rounds(
    total: int, alpha: float, columns: int, types: int, guarantee: Guarantee
) -> tuple[Round, ...]:
    """Return the rounds after which claims may be made.

    Parameters
    ----------
    total : int
        Rows of the part.
    alpha : float
        See :meth:`Guarantee.part_alpha`.
    columns, types : int
        Columns and types that are searched.
    guarantee : Guarantee

    Returns
    -------
    tuple of Round
        After the last one, all claims hold whatever was counted. It has all rows, and no
        probability of wrong claims, if the claims need that many.
    """
    everything = Round(total, 0.0)
    if guarantee.mode == "full" or total <= FIRST_ROUND:
        return (everything,)

    def tail(share: float) -> float:
        return claim_tail(alpha * share, columns, types)

    sizes = list(_sizes(total))
    first = next((n for n in sizes if _zero(n, total, tail(_SPENT)) <= _least(guarantee)), total)
    if first < total and _enough(first, total, tail(1.0), guarantee):
        return (Round(first, alpha),)
    found, left = [], 1.0
    for rows in (n for n in sizes if n >= first):
        found.append(Round(rows, alpha * left * _SPENT))
        if _enough(rows, total, tail(left * _SPENT), guarantee):
            return tuple(found)
        left *= 1 - _SPENT
    return (*found, everything)


def round_of(rows: int) -> int:
    """Return the rows of the round after which a part has ``rows`` rows, or a few less."""
    size = FIRST_ROUND
    while size < rows:
        size *= 2
    return size


def _sizes(total: int) -> Iterator[int]:
    rows = FIRST_ROUND
    while rows < total:
        yield rows
        rows *= 2


def _least(guarantee: Guarantee) -> float:
    return min(guarantee.absent_below, guarantee.error)


def _zero(rows: int, total: int, tail: float) -> float:
    """Return the upper bound of a type without hits."""
    return float(share_bounds([0], int(rows * _SAFETY), total, tail)[1][0])


def _enough(rows: int, total: int, tail: float, guarantee: Guarantee) -> bool:
    """Return whether all claims hold after ``rows``, whatever was counted."""
    if _zero(rows, total, tail) > _least(guarantee):
        return False
    drawn = int(rows * _SAFETY)
    hits = (np.array([0.4, 0.46, 0.48, 0.49, 0.5, 0.51, 0.52, 0.54]) * drawn).astype(np.int64)
    low, high = share_bounds(hits, drawn, total, tail)
    share = hits / drawn
    return bool(max((high - share).max(), (share - low).max()) <= guarantee.error)
