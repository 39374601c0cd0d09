"""What can be read from a ledger: releases, budgets, history, verification."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pandas as pd
from sqlalchemy import Connection

from rai_scale.errors import ConfigError
from rai_scale.privacy.costs import Cost, total
from rai_scale.privacy.ledger import history, lifecycle
from rai_scale.privacy.ledger.accounting import pld_epsilon
from rai_scale.privacy.ledger.accounts import Accounts
from rai_scale.privacy.ledger.amounts import from_units
from rai_scale.privacy.ledger.reservation import Release
from rai_scale.privacy.ledger.verify import wrong_sums
from rai_scale.records.chain import Verification
from rai_scale.records.journal import Journal


class LedgerReader:
    """The methods of a ledger that write nothing; each reads a consistent state."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._accounts = Accounts(journal.chain)

    def release(self, reservation: str, analyst: str) -> Release:
        """Return a stored release, if the analyst may see it."""
        return self._journal.read(lambda c: lifecycle.shown_to(c, reservation, analyst))

    def scopes(self) -> list[str]:
        """Return the names of all scopes."""
        return self._journal.read(self._accounts.names)

    def remaining(
        self, scope: str, analyst: str | None = None, dataset: str | None = None
    ) -> dict[str, Decimal]:
        """Return what remains per measure: of the hard cap, or for one analyst on one dataset."""
        if (analyst is None) != (dataset is None):
            raise ConfigError("give both analyst and dataset, or neither.")

        def work(connection: Connection) -> dict[str, Decimal]:
            account = self._accounts.of(connection, scope)
            asked = None if analyst is None or dataset is None else (analyst, dataset)
            held = account.limits(self._journal.now(connection), asked)
            if asked is None:
                held = held[:1]
            return {
                measure: from_units(min(limit.remaining(measure) for limit in held), measure)
                for measure in account.scope.measures
            }

        return self._journal.read(work)

    def price(self, scope: str, costs: Sequence[Cost]) -> dict[str, Decimal]:
        """Return what one release of these costs would be charged in a scope, per measure."""
        found = self._journal.read(lambda c: self._accounts.of(c, scope).scope)
        charge = total(costs, found.accounting, found.neighbours)
        return {measure: from_units(charge.of(measure), measure) for measure in found.measures}

    def budget(self, scope: str | None = None) -> pd.DataFrame:
        """Return caps and grants with what was spent and remains: one row per limit and measure."""
        return self._journal.read(
            lambda c: history.budget(c, self._accounts, scope, self._journal.now(c))
        )

    def history(
        self, scope: str | None = None, *, analyst: str | None = None, dataset: str | None = None
    ) -> pd.DataFrame:
        """Return the events, oldest first; they contain no values of the data."""
        return self._journal.read(lambda c: history.history(c, scope, analyst, dataset))

    def pld_epsilon(self, scope: str, delta: float) -> float:
        """Return a tighter epsilon for everything charged to a scope; it is not enforced."""
        costs = self._journal.read(
            lambda c: history.standing_costs(c, self._accounts.of(c, scope).scope)
        )
        return pld_epsilon(costs, delta)

    def verify(self, anchor: str | None = None) -> Verification:
        """Check for changed, removed and inserted rows; ``anchor`` is from an earlier check."""
        return self._journal.verify(
            anchor, lambda c, rows: wrong_sums(c, rows, self._journal.sealer)
        )
