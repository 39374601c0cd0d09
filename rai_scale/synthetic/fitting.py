"""The model of a release: mbi's graphical model, fitted to the noisy marginals.

mbi (McKenna, Sheldon and Miklau 2019) finds by mirror descent the distribution of largest entropy
whose marginals are nearest to the measurements. It is deterministic and reads no rows, so the same
release always has the same model. Independent columns need no mbi.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from rai_scale.synthetic.counting import Clique
from rai_scale.synthetic.measuring import Measured, merged, total_of
from rai_scale.synthetic.tree import Tree, calibrated, independent

STEPS = 1000
TOLERANCE = 1e-4
Zeros = tuple[Clique, np.ndarray]
"""A clique, and the combinations of codes in it that cannot occur; int, shape (number, columns)."""


def fit(sizes: Sequence[int], measured: Sequence[Measured], zeros: Sequence[Zeros] = ()) -> Tree:
    """Fit a model to noisy marginals.

    Parameters
    ----------
    sizes : sequence of int
        The number of codes of each column; each column is in a measurement.
    measured : sequence of Measured
    zeros : sequence of (clique, ndarray)
        Structural zeros.
    """
    total = total_of(measured)
    estimates = merged(measured)
    if all(len(clique) == 1 for clique, _, _ in estimates) and not zeros:
        return columns_alone(measured, total)
    potentials = _potentials(sizes, estimates, total, zeros)
    cliques, edges = junction_tree(sizes, list(potentials))
    return calibrated(sizes, cliques, edges, potentials, total)


def columns_alone(measured: Sequence[Measured], total: float) -> Tree:
    """Return the model of independent columns with their measured distributions."""
    estimates = merged(measured)
    tables = {c[0]: simplex(values, total) for c, values, _ in estimates if len(c) == 1}
    return independent([tables[i] for i in sorted(tables)], total)


def simplex(values: np.ndarray, total: float) -> np.ndarray:
    """Return the nearest table without negative cells that sums to ``total``.

    By the L2 distance (Duchi et al. 2008, figure 1).
    """
    descending = np.sort(values)[::-1]
    excess = (np.cumsum(descending) - total) / np.arange(1, len(values) + 1)
    last = np.flatnonzero(descending > excess)[-1]
    return np.asarray(np.maximum(values - excess[last], 0.0))


def junction_tree(
    sizes: Sequence[int], cliques: Sequence[Clique]
) -> tuple[list[Clique], list[tuple[Clique, Clique]]]:
    """Return the nodes and edges of a junction tree (mbi's) that holds some cliques."""
    mbi = _mbi()
    tree, _ = mbi.junction_tree.make_junction_tree(_domain(sizes), list(cliques))
    return [tuple(c) for c in tree.nodes], [(tuple(a), tuple(b)) for a, b in tree.edges]


def model_mb(sizes: Sequence[int], cliques: Sequence[Clique]) -> float:
    """Return the size of the model of some cliques in megabytes, without fitting it."""
    nodes, _ = junction_tree(sizes, cliques)
    shape = np.array(sizes, dtype=float)
    return float(sum(shape[list(clique)].prod() for clique in nodes) * 8 / 2**20)


def _potentials(
    sizes: Sequence[int],
    estimates: Sequence[tuple[Clique, np.ndarray, float]],
    total: float,
    zeros: Sequence[Zeros],
) -> dict[Clique, np.ndarray]:
    mbi = _mbi()
    import jax

    domain = _domain(sizes)
    with jax.enable_x64(True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asked = [
            mbi.LinearMeasurement(values, clique, stddev=sigma)
            for clique, values, sigma in estimates
        ]
        loss = mbi.marginal_loss.from_linear_measurements(asked, domain)
        loss = replace(loss, loss_fn=_compiled(loss.loss_fn))
        limits = [mbi.Constraint(domain.project(c), invalid=found) for c, found in zeros]
        model = mbi.estimation.MirrorDescent().estimate(
            domain, loss, total, constraints=limits, iters=STEPS, tol=TOLERANCE
        )
        found = {
            tuple(clique): np.asarray(model.potentials[clique].values, dtype=np.float64)
            for clique in model.potentials.cliques
        }
        for limit in limits:
            clique = tuple(domain.canonical(limit.clique))
            own = np.asarray(limit.potential.values, dtype=np.float64)
            found[clique] = found[clique] + own if clique in found else own
    return found


@cache
def _compiled(function: Callable[..., Any]) -> Any:
    """Return a function that jax compiles as a whole, and not operation by operation.

    The same one for each call: jax keeps what it compiled by the identity of the function.
    """
    import jax

    return jax.jit(function)


def _domain(sizes: Sequence[int]) -> Any:
    return _mbi().Domain(range(len(sizes)), sizes)


def _mbi() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the import, mbi warns about jax's own defaults
        import mbi
    return mbi
