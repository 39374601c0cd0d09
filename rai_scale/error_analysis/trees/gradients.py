"""Gradients and Hessians of LightGBM's first tree, as functions of sums per bin.

All rows start from the same score, so that all rows with an error have one gradient and all others
another. LightGBM keeps both as 32-bit floats (``score_t``), and so does this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

EPSILON = float(np.float32(1e-15))


@dataclass(frozen=True)
class Sums:
    """Sums over rows, per bin or for one node.

    Attributes
    ----------
    rows : ndarray of int64
    weight : ndarray of float64
        Sum of the sample weights; without weights, the rows.
    error : ndarray of float64
        Weighted errors, or losses.
    square : ndarray of float64
        Weighted squares of the losses; of errors, the errors.
    weight_sq : ndarray of float64
        Sum of the squared weights.
    """

    rows: np.ndarray
    weight: np.ndarray
    error: np.ndarray
    square: np.ndarray
    weight_sq: np.ndarray

    @classmethod
    def stack(cls, columns: np.ndarray) -> Sums:
        """Return the sums of five columns, which are the first axis."""
        return cls(np.rint(columns[0]).astype(np.int64), *columns[1:])

    def columns(self) -> np.ndarray:
        """Return the five columns as one array of float64."""
        return np.stack([self.rows, self.weight, self.error, self.square, self.weight_sq])

    def take(self, chosen: np.ndarray) -> Sums:
        """Return the sums of some bins, by position or mask."""
        return Sums.stack(self.columns()[:, chosen])

    def total(self) -> Sums:
        """Return the sums over all bins."""
        return Sums.stack(self.columns().sum(axis=1))

    def mean(self) -> np.ndarray:
        """Return the mean error; NaN without rows."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.error / self.weight)


@dataclass(frozen=True)
class Gradients:
    """The two gradients and Hessians of labels 0 and 1, or the mean of a regression.

    Attributes
    ----------
    right, wrong : tuple of (float, float)
        Gradient and Hessian of a row without and with an error.
    mean : float, optional
        The mean loss, with which a regression starts; then ``right`` and ``wrong`` are not used.
    """

    right: tuple[float, float] = (0.0, 1.0)
    wrong: tuple[float, float] = (0.0, 1.0)
    mean: float | None = None

    @classmethod
    def binary(cls, share: float) -> Gradients:
        """Return those of LightGBM's objective ``binary`` for a share of errors in (0, 1)."""
        score = math.log(share / (1.0 - share))
        score = score if abs(score) > EPSILON else 0.0
        return cls(_single(1.0 / (1.0 + math.exp(-score))), _single(-1.0 / (1.0 + math.exp(score))))

    def of(self, sums: Sums) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums of gradients and Hessians."""
        if self.mean is not None:
            return sums.weight * self.mean - sums.error, np.asarray(sums.weight, float)
        correct = sums.weight - sums.error
        (g0, h0), (g1, h1) = self.right, self.wrong
        return correct * g0 + sums.error * g1, correct * h0 + sums.error * h1


def _single(response: float) -> tuple[float, float]:
    size = abs(response)
    return float(np.float32(response)), float(np.float32(size * (1.0 - size)))
