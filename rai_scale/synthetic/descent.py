"""A quick fit between the choices of ``aim`` and ``mwem``: mirror descent in NumPy.

The same objective and algorithm as mbi's (McKenna, Sheldon and Miklau 2019, algorithm 1), with
fewer steps. jax would compile each new set of cliques for longer than this takes; the model of a
release is mbi's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rai_scale.synthetic.counting import Clique
from rai_scale.synthetic.fitting import Zeros, junction_tree
from rai_scale.synthetic.measuring import Measured, merged, total_of
from rai_scale.synthetic.tree import Tree, calibrated

STEPS = 150
TOLERANCE = 1e-4
_EVERY = 10
_GROWTH = 1.5
_LEAST_STEP = 1e-12

Potentials = dict[Clique, np.ndarray]


class QuickFit:
    """A model that is fitted again after each measurement, from where it was.

    Parameters
    ----------
    sizes : sequence of int
    zeros : sequence of (clique, ndarray)
        Structural zeros.
    """

    def __init__(self, sizes: Sequence[int], zeros: Sequence[Zeros] = ()) -> None:
        self._sizes = sizes
        self._fixed: Potentials = {}
        for clique, combinations in zeros:
            shape = [sizes[i] for i in clique]
            table = self._fixed.setdefault(clique, np.zeros(shape))
            table[tuple(combinations.T)] = -np.inf
        self._potentials: Potentials = {}

    def fit(self, measured: Sequence[Measured]) -> Tree:
        """Return the model of some measurements."""
        total = total_of(measured)
        wanted: dict[Clique, tuple[np.ndarray, float]] = {}
        for clique, values, sigma in merged(measured):
            shape = [self._sizes[i] for i in clique]
            wanted[clique] = values.reshape(shape), sigma
            self._potentials.setdefault(clique, np.zeros(shape))
        cliques = [*self._fixed, *self._potentials]
        nodes = junction_tree(self._sizes, cliques)

        def model(potentials: Potentials) -> Tree:
            logs = dict(potentials)
            for clique, fixed in self._fixed.items():
                logs[clique] = logs[clique] + fixed if clique in logs else fixed
            return calibrated(self._sizes, *nodes, logs, total)

        tree = model(self._potentials)
        loss, slopes = _loss(tree, wanted)
        step = 1.0 / total * min(sigma**2 for _, sigma in wanted.values())
        before = loss
        for at in range(STEPS):
            tried = {c: p - step * slopes[c] for c, p in self._potentials.items()}
            new = model(tried)
            new_loss, new_slopes = _loss(new, wanted)
            if new_loss < loss:
                self._potentials, tree, loss, slopes = tried, new, new_loss, new_slopes
                step *= _GROWTH
            else:
                step /= 2 * _GROWTH
            if at % _EVERY == _EVERY - 1:
                if before - loss <= TOLERANCE * max(loss, 1.0) or step < _LEAST_STEP:
                    break
                before = loss
        return tree


def _loss(
    tree: Tree, wanted: Mapping[Clique, tuple[np.ndarray, float]]
) -> tuple[float, dict[Clique, np.ndarray]]:
    """Return half of the squared errors in units of their noise, and its slope by clique."""
    loss, slopes = 0.0, {}
    for clique, (values, sigma) in wanted.items():
        error = tree.project(clique) - values
        slopes[clique] = error / sigma**2
        loss += 0.5 * float((error * slopes[clique]).sum())
    return loss, slopes
