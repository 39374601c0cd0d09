"""The codes of a row as few integers: what is bounded, sorted and sent is 8 bytes wide per word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.statistics.keyed_hash import mix
from rai_scale.synthetic.domain import Domain
from rai_scale.synthetic.unit_hashes import unit_hashes

CELL = "rai_cell"
CELLS = pa.schema([(CELL, pa.int64()), ("n", pa.int64())])
_BITS = 63


@dataclass(frozen=True)
class Layout:
    """Where the code of each column is in the words of a row.

    Attributes
    ----------
    sizes : tuple of int
        How many codes each column has.
    """

    sizes: tuple[int, ...]

    @cached_property
    def _places(self) -> tuple[tuple[int, int, int], ...]:
        """The word, the shift and the number of bits of each column."""
        found, word, used = [], 0, 0
        for size in self.sizes:
            bits = max(1, (size - 1).bit_length())
            if used + bits > _BITS:
                word, used = word + 1, 0
            found.append((word, used, bits))
            used += bits
        return tuple(found)

    @property
    def words(self) -> list[str]:
        """The names of the words."""
        return [f"w{i}" for i in range(self._places[-1][0] + 1)]

    def packed(self, codes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the words of rows, int64; codes below 0 give any number."""
        words = [np.zeros(len(codes[0]), np.int64) for _ in self.words]
        for (word, shift, _), code in zip(self._places, codes, strict=True):
            words[word] |= code << shift
        return words

    def codes(self, words: pa.Table, i: int) -> np.ndarray:
        """Return the codes of a column, int64."""
        word, shift, bits = self._places[i]
        return (words.column(word).to_numpy() >> shift) & ((1 << bits) - 1)


@dataclass(frozen=True)
class PackRows:
    """Table function: each row's unit, its position in a random order, and its words.

    Rows without a unit, and rows with a value that has no code, are removed. The order of a unit's
    rows is a one-to-one function of the last word: equal positions are, but for hashes of 64 bits
    that collide, equal rows.
    """

    domain: Domain
    unit: str
    seed: int
    outputs: pa.Schema
    cheap = True  # sending rows to another process takes longer

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row per row that counts."""
        codes, keep = coded(self.domain, table, self.unit)
        words = Layout(self.domain.sizes).packed(codes)
        order = unit_hashes(table.select([self.unit]), self.seed)
        for word in words:
            order = mix(order + word.view(np.uint64))  # overflow wraps around
        made = [table[self.unit], pa.array(order.view(np.int64)), *map(pa.array, words)]
        found = pa.table(made, schema=self.outputs)
        return found if keep.all() else found.filter(pa.array(keep))


def coded(domain: Domain, table: pa.Table, unit: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the codes of each column, int64, and which rows have a unit and only known values."""
    keep = np.asarray(pc.is_valid(table[unit]))
    codes = [declared.codes(table[name]) for name, declared in domain.columns]
    for one in codes:
        keep &= one >= 0
    return codes, keep


@dataclass(frozen=True)
class CountCells:
    """Table function: how often each cell of some combinations occurs in a batch of packed rows.

    Attributes
    ----------
    layout : Layout
    cliques : sequence of tuple of int
        The cells of all combinations are numbered one after another.
    """

    layout: Layout
    cliques: Sequence[tuple[int, ...]]
    cheap = True

    @cached_property
    def starts(self) -> list[int]:
        """The number of the first cell of each combination, and of all cells."""
        sizes = self.layout.sizes
        cells = (int(np.prod([sizes[i] for i in c], dtype=np.int64)) for c in self.cliques)
        return list(accumulate(cells, initial=0))

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the numbers of cells that occur, and how often."""
        codes: dict[int, np.ndarray] = {}
        numbers, counts = [], []
        for clique, start, end in zip(self.cliques, self.starts, self.starts[1:], strict=False):
            narrow = np.min_scalar_type(start - end - 1)  # half of the time of 64 bits
            cell = np.zeros(table.num_rows, narrow)
            for i in clique:
                if i not in codes:
                    codes[i] = self.layout.codes(table, i)
                cell = cell * narrow.type(self.layout.sizes[i]) + codes[i].astype(narrow)
            found, n = _occurring(cell, end - start)
            numbers.append(found + start)
            counts.append(n)
        return pa.table([np.concatenate(numbers), np.concatenate(counts)], schema=CELLS)


def _occurring(cell: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray]:
    if cells > len(cell):  # an array of all cells would cost more than sorting the rows
        found, n = np.unique(cell, return_counts=True)
        return found.astype(np.int64), n
    n = np.bincount(cell, minlength=cells)
    found = np.flatnonzero(n)
    return found, n[found]
