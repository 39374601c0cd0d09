"""What a synthesis will cost, count and add as noise; no data are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.privacy.costs import Cost, spent
from rai_scale.privacy.ledger.amounts import Number, exact
from rai_scale.privacy.noise import rho_for
from rai_scale.privacy.options import Privacy
from rai_scale.privacy.release_budget import budget_of
from rai_scale.results import Result, Tables
from rai_scale.synthetic.counting import Clique
from rai_scale.synthetic.domain import MOST_FOUND, Domain, declare
from rai_scale.synthetic.measuring import ABSOLUTE, sigma_for
from rai_scale.synthetic.options import Options, options_of
from rai_scale.synthetic.private_domain import SHARE
from rai_scale.synthetic.shares import SHARES

LABEL = "synthetic data"


class Spending(NamedTuple):
    """The parts of a budget.

    Attributes
    ----------
    rho : Fraction
        Of the measurements and choices.
    domain_rho, domain_delta : Fraction
        Of the private columns' values and edges.
    costs : tuple of Cost
        What is charged for all of it.
    """

    rho: Fraction
    domain_rho: Fraction
    domain_delta: Fraction
    costs: tuple[Cost, ...]


def budget(privacy: Privacy, domain_share: Number | None = None) -> Spending:
    """Return what measurements, choices and a private domain have, and what is charged.

    Parameters
    ----------
    privacy : Privacy
    domain_share : number, optional
        The share of the budget that finds a private domain. Half of delta, or all of it if the
        budget is given in rho, then pays for the thresholds of values.

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
    if domain_share is None:
        return Spending(rho, Fraction(0), Fraction(0), (Cost(LABEL, epsilon, delta, rho),))
    share = exact(domain_share, "domain_share")
    if not 0 < share < 1:
        raise ConfigError("domain_share must be above 0 and below 1.")
    if not delta:
        raise ConfigError(
            "a private domain names values above a threshold, which needs a delta above 0, such as "
            "1e-6."
        )
    if privacy.rho is not None:
        threshold, noise = delta, Cost(LABEL, None, 0, rho)
    else:
        assert epsilon is not None
        threshold = delta / 2
        rho = rho_for(epsilon, delta - threshold)
        noise = Cost(LABEL, epsilon, delta - threshold, rho)
    costs = (noise, Cost("threshold of private values", delta=threshold))
    return Spending(rho * (1 - share), rho * share, threshold, costs)


def plan_of(
    *,
    domain: Mapping[str, Any] | str,
    privacy: Privacy,
    columns: Sequence[str] | None = None,
    domain_share: Number = SHARE,
    **asked: Any,
) -> Plan:
    """Return the plan of a synthesis; parameters as for :func:`~rai_scale.synthetic.synthesize`.

    Raises
    ------
    ConfigError
        If an option, the domain or the budget is invalid.
    """
    declared = declare(columns, domain)
    spending = budget(privacy, domain_share if declared.private else None)
    return Plan(declared, options_of(declared, **asked), spending, asked)


@dataclass(frozen=True, repr=False)
class Plan(Result):
    """What a synthesis would do, known without reading data.

    A column with a private domain counts with the most values that it can have.

    Attributes
    ----------
    domain : Domain
    options : Options
    spending : Spending
        The budget and its parts.
    asked : mapping
        The options as they were given.
    """

    domain: Domain
    options: Options
    spending: Spending
    asked: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def found(self, domain: Domain) -> Options:
        """Return the options for a domain whose private columns were found."""
        return options_of(domain, **self.asked) if self.domain.private else self.options

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
        options, rho = self.options, self.spending.rho
        return SHARES[options.method](rho, columns, len(options.workload), options.rounds)

    def totals(self) -> Mapping[str, Any]:
        """Return the method, the cost, and the sizes of what is counted."""
        cells = sum(self.domain.cells(clique) for clique in self.counted)
        charged = {
            name: value
            for name, value in spent(self.spending.costs).items()
            if value is not None and (value or name != "delta")
        }
        if self.domain.private:
            share = self.spending.domain_rho / (self.spending.rho + self.spending.domain_rho)
            charged["domain_share"] = float(share)
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
        notes = [f"{n}: not counted, because it has more cells than max_cells" for n in named]
        if self.domain.private:
            notes.append(
                f"domain_share of the budget, and delta {float(self.spending.domain_delta):.3g}, "
                f"find values and edges of {', '.join(self.domain.private)}. Cells and noise are "
                f"those of at most {MOST_FOUND} values."
            )
        return notes
