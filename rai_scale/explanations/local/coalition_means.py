"""Outputs of a model for (row, coalition, background row), in blocks of a fixed shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rai_scale.explanations.local.values import Task
from rai_scale.models.columns import in_blocks

BLOCK_ROWS = 16_384
"""Approximate number of rows per call of the model."""
_EVEN = 64


@dataclass(frozen=True)
class Evaluation:
    """Pairs (coalition, background row) that are evaluated for each explained row.

    Attributes
    ----------
    masks : ndarray of bool, shape (pairs, features)
        True for the members of the coalition.
    other : ndarray of int, shape (pairs,)
        Number of the background row.
    """

    masks: np.ndarray
    other: np.ndarray

    @property
    def rows_at_once(self) -> int:
        """Number of explained rows per block; it depends on the number of pairs only."""
        return max(1, BLOCK_ROWS // len(self.other))

    def run(self, task: Task, rows: pd.DataFrame) -> np.ndarray:
        """Return the outputs, shape (rows, pairs, outputs)."""
        pairs, done = len(self.other), []
        for block in in_blocks(len(rows), self.rows_at_once):
            of = np.repeat(block, pairs)
            pair = np.tile(np.arange(pairs), len(block))
            outputs = [
                task.output(
                    task.mixer.mix(rows, of[part], self.masks[pair[part]], self.other[pair[part]])
                )
                for part in _parts(len(of))
            ]
            flat = np.concatenate(outputs)[: len(of)]
            done.append(flat.reshape(len(block), pairs, -1))
        return np.concatenate(done)[: len(rows)]


def _parts(pairs: int) -> list[np.ndarray]:
    """Split pairs into blocks of at most ``BLOCK_ROWS``, all of one size, a multiple of 64."""
    blocks = -(-pairs // BLOCK_ROWS)
    size = -(-pairs // (blocks * _EVEN)) * _EVEN
    return in_blocks(pairs, size)
