"""What is claimed about the rows of a table, from the counts of its parts.

Each part is a uniform sample of its rows, or all of them. A bound for a table is the sum of the
bounds of its parts, weighted by their rows: it is wrong only if one of them is, and the parts share
the probability of wrong claims. A value that could not be searched may hold any type: it counts as
a hit in upper bounds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from rai_scale.pii.scanning.guarantee import Guarantee, claim_tail
from rai_scale.pii.scanning.parts import ScannedPart
from rai_scale.statistics.finite_population import share_bounds

Claim = Literal["complete", "share", "at most"]
_UNSEARCHED = ("#errors", "#unread")
VALUES = "#values"


class Estimate(NamedTuple):
    """A share of rows from 0 to 1, and its bounds."""

    share: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """The largest distance of a bound from the share."""
        return max(self.high - self.share, self.share - self.low)


_NOTHING = Estimate(0.0, 0.0, 0.0)


class TableClaims:
    """The claims about a table.

    Parameters
    ----------
    parts : sequence of ScannedPart
    columns : sequence of str
        The columns whose values are searched.
    types : collection of str
        The types that are searched.
    guarantee : Guarantee
    tables : int, optional
        Tables of the run, if parts were scanned by several runs: there may have been fewer tables
        before, among which the probability of wrong claims was divided.
    """

    def __init__(
        self,
        parts: Sequence[ScannedPart],
        columns: Sequence[str],
        types: Collection[str],
        guarantee: Guarantee,
        tables: int | None = None,
    ) -> None:
        parts = _within(parts, guarantee, tables)
        self.columns, self.types, self.guarantee = columns, types, guarantee
        self.complete = all(part.complete for part in parts)
        self._parts = [_PartBounds(part, columns, len(types)) for part in parts]
        self._rows = sum(part.rows for part in parts)

    def estimate(self, column: str, path: str, key: str) -> Estimate:
        """Return the share of the rows of the table with a type, or with a value."""
        share = low = high = 0.0
        for part in self._parts:
            weight = part.rows / self._rows if self._rows else 0.0
            found = part.bounds(column, path, key)
            share += weight * found.share
            low += weight * found.low
            high += weight * found.high
        return Estimate(share, min(low, share), min(1.0, max(high, share)))

    def absent(self, column: str) -> Estimate:
        """Return the share, 0, of a type without hits in a column, and its bounds."""
        if self.complete and not self.unsearched(column):
            return _NOTHING
        return self.estimate(column, "", "")

    def found(self, column: str) -> set[tuple[str, str]]:
        """Return the types with hits in a column as (path, type)."""
        return set().union(*[part.hits[column] for part in self._parts])

    def unsearched(self, column: str) -> int:
        """Return the values of a column that were not searched."""
        return sum([part.unsearched[column] for part in self._parts])

    def claim(self, estimate: Estimate) -> Claim | None:
        """Return what may be claimed about a type."""
        if self.complete and estimate.error == 0:
            return "complete"
        if estimate.share > 0 and estimate.error <= self.guarantee.error:
            return "share"
        if estimate.share == 0 and estimate.high <= self.guarantee.absent_below:
            return "at most"
        return None

    def claims_absent(self, column: str) -> bool:
        """Return whether types without hits in a column are claimed to be absent."""
        return self.claim(self.absent(column)) is not None

    def all_hold(self) -> bool:
        """Return whether more rows cannot add a claim, except for values that are not searched."""
        return self.complete or all(
            self.unsearched(column)
            or (
                self.claims_absent(column)
                and all(
                    self.claim(self.estimate(column, path, key)) for path, key in self.found(column)
                )
            )
            for column in self.columns
        )


def _within(
    parts: Sequence[ScannedPart], guarantee: Guarantee, tables: int | None
) -> list[ScannedPart]:
    """Limit the probabilities of sampled parts to what a run with this number of tables allows."""
    if tables is None:
        return list(parts)
    sampled = [part for part in parts if not part.complete]
    most = {id(part): guarantee.part_alpha(tables, i) for i, part in enumerate(sampled)}
    return [replace(p, alpha=min(p.alpha, most.get(id(p), p.alpha))) for p in parts]


class _PartBounds:
    """The bounds of the counts of a part, each computed once."""

    def __init__(self, part: ScannedPart, columns: Sequence[str], types: int) -> None:
        self.rows, self._part = part.rows, part
        self.hits: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self.unsearched: dict[str, int] = defaultdict(int)
        leaves: dict[str, int] = defaultdict(int)
        for (column, path), counted in part.counts.items():
            leaves[column] += 1
            for key in _UNSEARCHED:
                if key in counted:
                    self.unsearched[column] += counted[key][0]
            hits = [key for key, (count, _) in counted.items() if count and key[0] != "#"]
            self.hits[column].update((path, key) for key in hits)
        self._tails = {}
        for column in columns if not part.complete else ():
            # the leaves of a column, and the column itself, share its probability
            claims = leaves[column] + 1 if leaves[column] > 1 else 1
            self._tails[column] = claim_tail(part.alpha, len(columns) * claims, types)
        self._known: dict[tuple[int, float], tuple[float, float]] = {}
        if not part.complete:
            self._prepare(columns)

    def bounds(self, column: str, path: str, key: str) -> Estimate:
        """Return the share of the part's rows with a count, and its bounds."""
        hits, most = self._range(column, path, key)
        tail, drawn = self._tails.get(column, 0.0), self._part.rows_scanned
        low, high = self._bound(hits, tail)[0], self._bound(most, tail)[1]
        return Estimate(hits / drawn if drawn else 0.0, low, high)

    def _range(self, column: str, path: str, key: str) -> tuple[int, int]:
        """Return the hits, and the hits if all values that were not searched were hits."""
        hits = self._part.counts.get((column, path), {}).get(key, (0, 0.0))[0]
        hidden = 0 if key == VALUES else self.unsearched[column]
        return hits, min(hits + hidden, self._part.rows_scanned)

    def _prepare(self, columns: Iterable[str]) -> None:
        """Compute the bounds of all counts at once, which is much faster."""
        wanted: dict[float, set[int]] = defaultdict(set)
        for column in columns:
            for path, key in {("", ""), *self.hits[column]}:
                wanted[self._tails[column]].update(self._range(column, path, key))
                wanted[self._tails[column]].update(self._range(column, path, VALUES))
        for tail, hits in wanted.items():
            self._compute(sorted(hits), tail)

    def _bound(self, hits: int, tail: float) -> tuple[float, float]:
        if self._part.complete:
            exact = hits / max(self.rows, 1)
            return exact, exact
        if (hits, tail) not in self._known:
            self._compute([hits], tail)
        return self._known[hits, tail]

    def _compute(self, hits: Sequence[int], tail: float) -> None:
        part = self._part
        if not tail:
            self._known.update(dict.fromkeys(((k, tail) for k in hits), (0.0, 1.0)))
            return
        low, high = share_bounds(hits, part.rows_scanned, part.rows, tail)
        for k, under, above in zip(hits, low.tolist(), high.tolist(), strict=True):
            self._known[k, tail] = (under, above)
