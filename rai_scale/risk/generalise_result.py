"""The result of :func:`~rai_scale.risk.generalise`, and how it is applied to a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.results import Result, Tables
from rai_scale.risk.hierarchies import Hierarchy
from rai_scale.risk.lattice import Found, Limits
from rai_scale.statistics.json_values import plain

_MARK = "rai_scale_suppressed"


@dataclass(frozen=True)
class Coarser:
    """Table function: quasi-identifiers at their levels, and whether the row is suppressed."""

    steps: tuple[Hierarchy, ...]
    node: tuple[int, ...]
    suppressed: frozenset[tuple[str | None, ...]]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the changed columns as text, and the mark as the last column."""
        needed = [bool(level or self.suppressed) for level in self.node]
        texts = [self._texts(table, at) if needed[at] else [] for at in range(len(self.steps))]
        gone = [0] * table.num_rows
        if self.suppressed:
            gone = [int(row in self.suppressed) for row in zip(*texts, strict=True)]
        columns = {
            one.column: pa.array(text, pa.string())
            for one, level, text in zip(self.steps, self.node, texts, strict=True)
            if level
        }
        return pa.table({**columns, _MARK: pa.array(gone, pa.int64())})

    def outputs(self) -> pa.Schema:
        """Return the columns that are written."""
        changed = [one.column for one, level in zip(self.steps, self.node, strict=True) if level]
        return pa.schema([*((name, pa.string()) for name in changed), (_MARK, pa.int64())])

    def _texts(self, table: pa.Table, at: int) -> list[str | None]:
        one, level = self.steps[at], self.node[at]
        found = table[one.column].combine_chunks().dictionary_encode(null_encoding="encode")
        made = [one.value_at(value, level) for value in found.dictionary.to_pylist()]
        return [made[i] for i in found.indices.to_pylist()]


@dataclass(frozen=True, repr=False)
class Generalisation(Result):
    """The levels that hide people at the least cost.

    Attributes
    ----------
    coarser : Coarser
        What is done to each row.
    found : Found
        The levels, their cost per row, and a bound that no combination of levels is below.
    utility : {"entropy", "discernibility", "loss"}
    limits : Limits
        k, l and t.
    rows, suppressed : int
        All rows, and those that are removed.
    sizes : dict of int to int
        The number of remaining classes of each size.
    removed_cost : float
        The cost per row of removing all quasi-identifiers.
    notes : tuple of str
    """

    coarser: Coarser
    found: Found
    utility: str
    limits: Limits
    rows: int
    suppressed: int
    sizes: dict[int, int]
    removed_cost: float
    notes: tuple[str, ...] = ()

    @property
    def levels(self) -> pd.DataFrame:
        """One row per quasi-identifier: ``column``, ``level``, ``of`` (the last), ``meaning``."""
        rows = zip(self.coarser.steps, self.found.node, strict=True)
        return pd.DataFrame(
            [
                {"column": h.column, "level": at, "of": h.height, "meaning": h.named(at)}
                for h, at in rows
            ]
        )

    @property
    def optimal(self) -> bool:
        """Whether no combination of levels costs less."""
        return self.gap == 0

    @property
    def gap(self) -> float:
        """How much of the cost another combination might save at most, as a share of it."""
        cost = self.found.cost
        return (cost - self.found.bound) / cost if cost else 0.0

    @property
    def k(self) -> int:
        """The size of the smallest remaining class; 0 if no row remains."""
        return min(self.sizes, default=0)

    @property
    def lost(self) -> float:
        """The cost as a share of that of removing all quasi-identifiers."""
        return self.found.cost / self.removed_cost if self.removed_cost else 0.0

    def apply(self, frame: Any) -> Any:
        """Return the generalised rows without those that are suppressed; lazy.

        Changed columns become text. A class of another table that was not counted is kept: apply
        the result to the table that it was found on.
        """
        return self._parted(frame, 0)

    def suppressed_rows(self, frame: Any) -> Any:
        """Return the suppressed rows with the same columns; lazy."""
        return self._parted(frame, 1)

    def totals(self) -> Mapping[str, Any]:
        """Return the sizes, the cost, and whether it is proven to be the least."""
        return {
            "k": self.k,
            "rows": self.rows,
            "suppressed": self.suppressed,
            "classes": sum(self.sizes.values()),
            "cost": self.found.cost,
            "lost": self.lost,
            "gap": self.gap,
            "counted": self.found.looked_at,
            "combinations": self.found.nodes,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as plain values."""
        limits = {"k": self.limits.k, "l": self.limits.l, "t": self.limits.t}
        texts = {"utility": self.utility, "notes": list(self.notes)}
        return plain({**self.totals(), "limits": limits, "levels": self.levels, **texts})

    def __repr__(self) -> str:
        levels = ", ".join(
            f"{row['column']}: {row['meaning']}" for row in self.levels.to_dict("records")
        )
        proof = "optimal" if self.optimal else f"at most {self.gap:.1%} from the optimum"
        gone = f"suppressed={self.suppressed:,} of {self.rows:,}"
        return f"Generalisation(k={self.k}, {gone}, {levels}; {proof})"

    def _parted(self, frame: Any, mark: int) -> Any:
        engine, made = engine_of(frame), self.coarser
        inputs = [one.column for one in made.steps]
        marked = engine.with_columns(
            frame, made, made.outputs(), inputs=inputs, label="generalisation"
        )
        return engine.without_columns(engine.where(marked, f"{_MARK} = {mark}"), [_MARK])

    def _numbers(self) -> Mapping[str, float]:
        return {name: float(value) for name, value in self.totals().items()}

    def _remarks(self) -> Sequence[str]:
        return self.notes

    def _tables(self) -> Tables:
        return {"levels": lambda: self.levels}
