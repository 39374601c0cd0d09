"""What a synthesis will cost, count and add as noise; no data are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.privacy.costs import Cost
from rai_scale.privacy.ledger.amounts import exact
from rai_scale.privacy.options import Privacy
from rai_scale.privacy.release_budget import budget_of
from rai_scale.results import Result, Tables
from rai_scale.synthetic.counting import Clique
from rai_scale.synthetic.domain import Domain, declare
from rai_scale.synthetic.measuring import ABSOLUTE, sigma_for
from rai_scale.synthetic.methods import CHOICE_SHARE, COLUMNS_SHARE
from rai_scale.synthetic.options import Options, options_of

LABEL = "synthetic data"


def budget(privacy: Privacy) -> tuple[Fraction, Cost]:
    """Return rho of all measurements and choices together, and the cost that is charged.

    Raises
    ------
    ConfigError
        If the budget is out of range, or epsilon is given without delta.
    """
    epsilon, delta, rho = budget_of(privacy)
    if rho is None:
        raise ConfigError(
            "synthetic data use Gaussian noise, which needs a delta above 0, such as 1e-6. Set "
            "delta, or give rho instead of epsilon."
        )
    return rho, Cost(LABEL, epsilon, delta, rho)


def plan_of(
    *,
    domain: Mapping[str, Any],
    privacy: Privacy,
    columns: Sequence[str] | None = None,
    **asked: Any,
) -> Plan:
    """Return the plan of a synthesis; parameters as for :func:`~rai_scale.synthetic.synthesize`.

    Raises
    ------
    ConfigError
        If an option, the domain or the budget is invalid.
    """
    declared = declare(columns, domain)
    rho, cost = budget(privacy)
    return Plan(declared, options_of(declared, **asked), rho, cost)


@dataclass(frozen=True, repr=False)
class Plan(Result):
    """What a synthesis would do, known without reading data.

    Attributes
    ----------
    domain : Domain
    options : Options
    rho : Fraction
        The whole budget.
    cost : Cost
        What is charged.
    """

    domain: Domain
    options: Options
    rho: Fraction
    cost: Cost

    @property
    def counted(self) -> tuple[Clique, ...]:
        """The marginals that are counted on the engine."""
        return self.options.counted(self.domain)

    @property
    def marginals(self) -> pd.DataFrame:
        """One row per marginal that may be measured.

        ``columns``, ``cells``, ``sigma`` and ``noise``: the expected sum of the absolute noise of
        all cells, in rows, halved. Divided by the number of rows, it is the total variation that
        noise alone would cause. For a method that chooses, each is what a marginal of this size
        would have if as many were measured as the method can choose.
        """
        columns = [(i,) for i in range(len(self.domain.names))]
        singles, others = self._shares(len(columns))
        rows = []
        for cliques, each in ((columns, singles), (self.options.workload, others)):
            if not cliques or not each:
                continue
            sigma = sigma_for(each, self.options.max_rows)
            rows += [
                {
                    "columns": self.domain.named(clique),
                    "cells": self.domain.cells(clique),
                    "sigma": sigma,
                    "noise": ABSOLUTE * sigma * self.domain.cells(clique) / 2,
                }
                for clique in cliques
            ]
        return pd.DataFrame(rows, columns=["columns", "cells", "sigma", "noise"])

    def _shares(self, columns: int) -> tuple[Fraction, Fraction]:
        """Return the budget of one column and of one measured marginal."""
        workload = len(self.options.workload)
        if self.options.method == "fixed" or not workload:
            each = self.rho / (columns + workload)
            return each, each
        rest = self.rho * (1 - COLUMNS_SHARE - CHOICE_SHARE)
        measured = max(1, min(columns - 1 or 1, workload))
        return self.rho * COLUMNS_SHARE / columns, rest / measured

    def totals(self) -> Mapping[str, Any]:
        """Return the method, the cost, and the sizes of what is counted."""
        cells = sum(self.domain.cells(clique) for clique in self.counted)
        charged = {
            name: float(exact(value, name))
            for name in ("epsilon", "delta", "rho")
            if (value := getattr(self.cost, name)) is not None
        }
        return {
            "method": self.options.method,
            **charged,
            "columns": len(self.domain.names),
            "marginals": len(self.counted),
            "cells": cells,
            "megabytes": math.ceil(cells * 8 / 2**20),
        }

    def _tables(self) -> Tables:
        return {"marginals": lambda: self.marginals}

    def _remarks(self) -> Sequence[str]:
        named = [self.domain.named(clique) for clique in self.options.left_out]
        return [f"{name}: not counted, because it has more cells than max_cells" for name in named]
