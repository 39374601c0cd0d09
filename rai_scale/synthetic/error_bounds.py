"""How wrong the marginals of a model can be at most, from the released measurements alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rai_scale.synthetic.counting import Clique
from rai_scale.synthetic.measuring import ABSOLUTE, Measured, merged
from rai_scale.synthetic.tree import Tree


def error_bound(
    tree: Tree, measured: Sequence[Measured], clique: Clique, confidence: float
) -> float:
    """Return an upper bound of the total variation between a model's marginal and the counts'.

    NaN if no measurement contains the columns: then nothing is known but what the model follows
    from. The sum of the absolute noise of n cells is at most its mean plus sigma sqrt(2 n log(1 /
    alpha)) with probability 1 - alpha, because it is a Lipschitz function, with constant sqrt(n),
    of independent Gaussians (Boucheron, Lugosi and Massart 2013, Theorem 5.6); McKenna et al.
    (2022) bound it in the same way. The distance of the model from the measurement is added.
    """
    best = math.nan
    for own, values, sigma in merged(measured):
        if not set(clique) <= set(own):
            continue
        table = values.reshape([tree.sizes[i] for i in own])
        away = tuple(k for k, i in enumerate(own) if i not in clique)
        found = table.sum(axis=away)
        deviation = sigma * math.sqrt(table.size / found.size)
        spread = math.sqrt(2 * found.size * math.log(1 / (1 - confidence)))
        noise = deviation * (ABSOLUTE * found.size + spread)
        distance = float(np.abs(tree.project(clique) - found).sum())
        bound = min(1.0, (distance + noise) / tree.total / 2)
        best = bound if math.isnan(best) else min(best, bound)
    return best
