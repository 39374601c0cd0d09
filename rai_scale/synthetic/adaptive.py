"""What is measured: the methods ``aim`` and ``mwem``, which choose in rounds.

Each round chooses privately a marginal that the model fits worst, measures it, and fits the model
again (quickly, see ``descent.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations

import numpy as np

from rai_scale.synthetic.counting import Clique
from rai_scale.synthetic.descent import QuickFit
from rai_scale.synthetic.fitting import model_mb
from rai_scale.synthetic.measuring import ABSOLUTE, Session, sigma_for
from rai_scale.synthetic.methods import singles, spend_the_rest
from rai_scale.synthetic.options import Options
from rai_scale.synthetic.shares import AIM_COLUMNS_SHARE, CHOICE_SHARE, aim_rounds
from rai_scale.synthetic.tree import Tree

LESS_NOISE = 4
"""By how much a round's budget grows after one that did not help."""


def aim(session: Session, options: Options) -> None:
    """Measure what the model fits worst, with more budget per round once noise hides the errors.

    McKenna, Mullins, Sheldon and Miklau (2022). A round that chooses nothing, because noise would
    exceed every signal, counts as one that did not help.
    """
    domain, whole = session.domain, session.rho
    session.measure(singles(session), whole * AIM_COLUMNS_SHARE)
    each = session.rho / aim_rounds(len(domain.names), options.rounds)
    weights = _weights(options)
    quick = QuickFit(domain.sizes, options.zeros)
    tree = quick.fit(session.measured)
    while session.rho > 0:
        # what would be too little for another round is spent in this one
        each = session.rho if session.rho < 2 * each else each
        share = options.max_model_mb * float(1 - (session.rho - each) / whole)
        candidates = _small(session, options, weights, share)
        measured = _round(session, tree, candidates, each)
        if measured is None:
            if each >= session.rho or not candidates:
                break
            each *= LESS_NOISE
            continue
        before = tree.project(measured[0])
        tree = quick.fit(session.measured)
        if float(np.abs(tree.project(measured[0]) - before).sum()) <= measured[1]:
            each *= LESS_NOISE
    if session.rho > 0:
        spend_the_rest(session, [])


def mwem(session: Session, options: Options) -> None:
    """Measure in a fixed number of rounds what the model fits worst.

    Hardt, Ligett and McSherry (2012), with a graphical model in place of the weights of all cells
    (McKenna, Sheldon and Miklau 2019), and the columns measured first, for the number of rows.
    """
    domain, whole = session.domain, session.rho
    rounds = options.rounds or len(domain.names)
    session.measure(singles(session), whole / (rounds + 1))
    quick = QuickFit(domain.sizes, options.zeros)
    tree = quick.fit(session.measured)
    weights = dict.fromkeys(options.workload, 1.0)
    for left in range(rounds, 0, -1):
        candidates = _small(session, options, weights, options.max_model_mb)
        if _round(session, tree, candidates, session.rho / left) is None:
            break
        tree = quick.fit(session.measured)
    if session.rho > 0:
        spend_the_rest(session, [m.clique for m in session.measured if len(m.clique) > 1])


def _round(
    session: Session, tree: Tree, candidates: Mapping[Clique, float], budget: Fraction
) -> tuple[Clique, float] | None:
    """Choose and measure one marginal; return it and its expected noise, or None for none."""
    if not candidates:
        return None
    for_choice = budget * CHOICE_SHARE
    sigma = sigma_for(budget - for_choice, session.max_rows)
    penalties = {
        c: ABSOLUTE * sigma * session.domain.cells(c) + session.explained(c) for c in candidates
    }
    fitted = {clique: tree.project(clique) for clique in candidates}
    chosen = session.choose(fitted, penalties, for_choice, candidates)
    if chosen is None:
        return None
    session.measure([chosen], budget - for_choice)
    return chosen, penalties[chosen]


def _weights(options: Options) -> dict[Clique, float]:
    """Return all parts of the workload with two or more columns, and how much each overlaps it."""
    parts = {
        part
        for clique in options.workload
        for width in range(2, len(clique) + 1)
        for part in combinations(clique, width)
    }
    return {
        part: float(sum(len(set(part) & set(clique)) for clique in options.workload))
        for part in sorted(parts, key=lambda p: (len(p), p))
    }


def _small(
    session: Session, options: Options, weights: Mapping[Clique, float], megabytes: float
) -> dict[Clique, float]:
    """Return the candidates with which the model is at most this large."""
    sizes = session.domain.sizes
    known = list(dict.fromkeys(m.clique for m in session.measured))
    now = model_mb(sizes, known)

    def fits(clique: Clique) -> bool:
        # a junction tree stays one if all columns of a clique but one are added to all its nodes
        added = sorted(sizes[i] for i in clique)[:-1]
        return now * math.prod(added) <= megabytes or model_mb(sizes, [*known, clique]) <= megabytes

    return {clique: weight for clique, weight in weights.items() if fits(clique)}
