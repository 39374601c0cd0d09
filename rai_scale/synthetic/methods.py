"""What is measured: the methods ``fixed`` and ``mst``.

A method is a function of a :class:`~rai_scale.synthetic.measuring.Session`; it measures, and reads
the counts in no other way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rai_scale.synthetic.counting import Clique
from rai_scale.synthetic.fitting import fit
from rai_scale.synthetic.measuring import ABSOLUTE, Session, sigma_for
from rai_scale.synthetic.options import Options
from rai_scale.synthetic.shares import CHOICE_SHARE, COLUMNS_SHARE


def singles(session: Session) -> list[Clique]:
    """Return the marginals of single columns."""
    return [(i,) for i in range(len(session.domain.names))]


def spend_the_rest(session: Session, chosen: Sequence[Clique]) -> None:
    """Measure what was chosen with all that is left; if nothing was, the columns once more."""
    session.measure(list(chosen) or singles(session), session.rho)


def fixed(session: Session, options: Options) -> None:
    """Measure all columns and the workload, with one noise for all."""
    cliques = list(dict.fromkeys([*singles(session), *options.workload]))
    session.measure(cliques, session.rho)


def mst(session: Session, options: Options) -> None:
    """Measure the columns, then pairs that connect them, chosen privately.

    McKenna, Miklau and Sheldon (2021), with penalties for noise: where every pair that could be
    added has less signal than noise, fewer pairs are measured, with more budget for each.
    """
    domain, whole = session.domain, session.rho
    session.measure(singles(session), whole * COLUMNS_SHARE)
    picks = len(domain.names) - 1
    pairs: list[Clique] = [clique for clique in options.workload if len(clique) == 2]  # noqa: PLR2004
    if not picks or not pairs:
        spend_the_rest(session, [])
        return
    tree = fit(domain.sizes, session.measured)
    fitted = {pair: tree.project(pair) for pair in pairs}
    left = session.rho - whole * CHOICE_SHARE
    component = list(range(len(domain.names)))
    chosen: list[Clique] = []
    for _ in range(picks):
        # Each pair more makes the parts of the budget smaller, so a pair is judged by the noise
        # that it would have if at least half of the tree were measured.
        parts = max(len(chosen) + 1, math.ceil(picks / 2))
        sigma = sigma_for(left / parts, session.max_rows)
        penalties = {
            pair: ABSOLUTE * sigma * domain.cells(pair) + session.explained(pair) for pair in pairs
        }
        open_ = {p: fitted[p] for p in pairs if component[p[0]] != component[p[1]]}
        pair = session.choose(open_, penalties, whole * CHOICE_SHARE / picks) if open_ else None
        if pair is None:
            break
        chosen.append(pair)
        one, other = component[pair[0]], component[pair[1]]
        component = [one if c == other else c for c in component]
    spend_the_rest(session, chosen)
