"""Scores of slices, and what a slice within another can score at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Score = Literal["sliceline", "divergence"]


@dataclass(frozen=True)
class Scoring:
    """A score of slices.

    Attributes
    ----------
    score : {"sliceline", "divergence"}
    alpha : float
        Weight of the error rate against the size in SliceLine's score.
    rows, errors : float
        Of all rows.
    min_rows : int
    """

    score: Score
    alpha: float
    rows: float
    errors: float
    min_rows: int

    @property
    def mean(self) -> float:
        """The mean error of all rows."""
        return self.errors / self.rows

    def of(self, rows: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """Return the scores.

        SliceLine (Sagadeeva and Boehm 2021, SIGMOD, equation 1): ``alpha * (mean / mean of all - 1)
        - (1 - alpha) * (rows of all / rows - 1)``. Divergence (Pastor, de Alfaro and Baralis 2021,
        SIGMOD): the mean error minus that of all rows.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = errors / rows
            if self.score == "divergence":
                return np.asarray(mean - self.mean)
            size = self.rows / rows - 1
            return np.asarray(self.alpha * (mean / self.mean - 1) - (1 - self.alpha) * size)

    def bound(self, rows: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """Return an upper bound for slices of at most these rows and errors.

        With one error per row at most, the score of the best slice of a given size rises up to the
        size ``errors``, and is monotone above it. So it is largest there, or at one of the ends.
        """
        ends = (np.full(len(rows), self.min_rows), np.maximum(errors, self.min_rows), rows)
        sizes = [np.minimum(size, rows) for size in ends]
        return np.asarray(np.max([self.of(s, np.minimum(s, errors)) for s in sizes], axis=0))
