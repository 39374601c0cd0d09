"""Apply the linear maps of all designs to one explained row.

The shape of each product depends on the designs only, so the result of a row does not depend on
other rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rai_scale.explanations.local.coalitions import FOLDS, Design


@dataclass(frozen=True)
class Solver:
    """The linear maps of several designs of the same size.

    Attributes
    ----------
    shares : ndarray, shape (designs,)
        Share of the background rows in each design.
    fold_map : ndarray, shape (designs, FOLDS, features, coalitions)
    fold_total : ndarray, shape (designs, FOLDS, features, 1)
    folds : tuple of Fold
    """

    shares: np.ndarray
    fold_map: np.ndarray
    fold_total: np.ndarray
    folds: tuple[Fold, ...]

    def solve(self, game: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each fold's values (FOLDS, features, outputs) and the variances of their mean.

        Parameters
        ----------
        game : ndarray, shape (designs, coalitions, outputs)
            Values of the coalitions minus that of the empty coalition.
        total : ndarray, shape (designs, outputs)
            Value of the full coalition minus that of the empty coalition.
        """
        estimates = self.fold_map @ game[:, None] + self.fold_total * total[:, None, None]
        spread = sum(fold.variance(game, total) for fold in self.folds)
        values = (self.shares[:, None, None, None] * estimates).sum(axis=0)
        return values, (self.shares[:, None, None] ** 2 * spread).sum(axis=0)


@dataclass(frozen=True)
class Fold:
    """One fold of all designs, for the spread of its pairs around the proxy of the other folds.

    Attributes
    ----------
    pairs : ndarray of int, shape (pairs,)
        Position of the first coalition of each pair; its complement follows it.
    sign : ndarray, shape (designs, pairs, features)
        1 for members of the first coalition, -1 for those of its complement.
    pair_map, pair_squares : ndarray, shape (designs, features, pairs)
        Effect on the estimates of a difference within a pair, and its square.
    proxy_map : ndarray, shape (designs, features, coalitions)
    proxy_total : ndarray, shape (designs, features, 1)
    """

    pairs: np.ndarray
    sign: np.ndarray
    pair_map: np.ndarray
    pair_squares: np.ndarray
    proxy_map: np.ndarray
    proxy_total: np.ndarray

    def variance(self, game: np.ndarray, total: np.ndarray) -> np.ndarray:
        """Return the fold's contribution to the variance of each estimate.

        Pairs are independent draws. The influence of a pair is its contribution beyond the proxy.
        """
        proxy = self.proxy_map @ game + self.proxy_total * total[:, None]
        step = game[:, self.pairs] - game[:, self.pairs + 1] - self.sign @ proxy
        count = len(self.pairs)
        squares = self.pair_squares @ step**2 - (self.pair_map @ step) ** 2 / count
        variance: np.ndarray = np.maximum(squares, 0) * count / (count - 1) / FOLDS**2
        return variance


def make_solver(designs: Sequence[Design], shares: np.ndarray) -> Solver:
    """Stack the maps of designs with equal numbers of coalitions and equal weights."""
    return Solver(
        shares,
        np.stack([design.fold_map for design in designs]),
        np.stack([design.fold_total for design in designs])[..., None],
        tuple(_fold(designs, number) for number in range(FOLDS)),
    )


def _fold(designs: Sequence[Design], number: int) -> Fold:
    first = designs[0]
    mine = np.flatnonzero(first.fold == number)[::2]
    pairs = first.complete + mine
    members = np.stack([design.masks[pairs] for design in designs])
    influence = np.stack([design.pair_map[mine // 2] for design in designs])
    weighted = (influence * first.weight[mine][:, None]).transpose(0, 2, 1)
    return Fold(
        pairs,
        np.where(members, 1.0, -1.0),
        weighted,
        weighted**2,
        np.stack([design.proxy_map[number] for design in designs]),
        np.stack([design.proxy_total[number] for design in designs])[:, :, None],
    )
