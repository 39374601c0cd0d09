"""The sums of a ledger's verified events; each event is read once.

Sums computed by the database would include rows that were changed later. Instead, each event is
read once, compared with its hash and the event before it, and added. So the time of a charge
depends only on the new events, and nothing is charged to a ledger whose chain does not verify.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.privacy.costs import ADD_REMOVE, REPLACE, Accounting, Neighbours
from rai_scale.privacy.ledger.amounts import Amount
from rai_scale.privacy.ledger.problems import LedgerError
from rai_scale.privacy.ledger.state import ANY, Limit, Scope
from rai_scale.records.chain import START, Chain

_SECOND = 1_000_000
_EBM_LABEL = "private_ebm"


@dataclass(frozen=True)
class _Charge:
    at: int
    amount: Amount


@dataclass(frozen=True)
class _Grant:
    cap: Amount
    window: int | None


@dataclass
class Account:
    """One scope: its cap, its grants, and its charges by analyst and dataset, without refunds."""

    name: str
    accounting: Accounting
    stated: Neighbours | None
    cap: Amount
    grants: dict[tuple[str, str], _Grant] = field(default_factory=dict)
    charges: dict[tuple[str, str], dict[str, _Charge]] = field(default_factory=dict)
    spent: dict[tuple[str, str], Amount] = field(default_factory=dict)
    unstated: set[Neighbours] = field(default_factory=set)
    """Neighbour relations of the charges that were stored before costs stated theirs."""

    @property
    def scope(self) -> Scope:
        """The scope with its neighbour relation.

        A scope that was created before relations were stored has the relation of its charges: SQL
        and counts protect a person added or removed, private EBMs a person replaced.

        Raises
        ------
        LedgerError
            If it has charges of both kinds: their sum is a bound for neither.
        """
        if len(self.unstated) > 1:
            raise LedgerError(
                f"scope {self.name!r} has charges for the addition or removal of a person and "
                f"charges for the replacement of a person (private EBMs). Their sum is a bound for "
                f"neither, so nothing more can be charged. Create a new scope; what this one "
                f"released still counts towards the privacy loss of its members."
            )
        derived: Neighbours = next(iter(self.unstated), ADD_REMOVE)
        relation: Neighbours = self.stated or derived
        return Scope(self.name, self.accounting, self.cap, relation)

    def limits(self, now: int, asked: tuple[str, str] | None = None) -> list[Limit]:
        """Return the cap, then all grants, or only the grants that match an (analyst, dataset).

        If there are grants, a request needs one that matches it.
        """
        total = sum(self.spent.values(), Amount())
        found = [Limit("hard cap", ANY, ANY, None, self.cap, total)]
        for key in self.grants if asked is None else _keys_of(*asked):
            given = self.grants.get(key)
            if given is None:
                continue
            since = None if given.window is None else now - given.window * _SECOND
            name = f"grant of analyst {key[0]!r} on dataset {key[1]!r}"
            found.append(Limit(name, *key, given.window, given.cap, self._spent(*key, since)))
        if self.grants and asked is not None and len(found) == 1:
            found.append(Limit("no grant for you", *asked, None, Amount(), Amount()))
        return found

    def add(self, row: Any) -> None:
        """Add one verified event."""
        who = (row.analyst, row.dataset)
        if row.kind == "grant":
            cap = Amount(row.epsilon, row.delta, row.rho)
            self.grants[who] = _Grant(cap, json.loads(row.body)["window"])
        elif row.kind == "reserved":
            amount = Amount(row.epsilon, row.delta, row.rho)
            self.charges.setdefault(who, {})[row.reservation] = _Charge(row.at, amount)
            self.spent[who] = self.spent.get(who, Amount()) + amount
            if self.stated is None:
                self.unstated |= _unstated(row.body)
        elif row.kind == "cancelled":
            for found, standing in self.charges.items():
                charge = standing.pop(row.reservation, None)
                if charge is not None:
                    self.spent[found] = self.spent[found] - charge.amount

    def _spent(self, analyst: str, dataset: str, since: int | None) -> Amount:
        total = Amount()
        for (who, what), standing in self.charges.items():
            if analyst not in (ANY, who) or dataset not in (ANY, what):
                continue
            if since is None:
                total += self.spent[who, what]
                continue
            for charge in reversed(standing.values()):  # times never fall
                if charge.at <= since:
                    break
                total += charge.amount
        return total


class Accounts:
    """The accounts of all scopes, brought up to date before each use.

    Use them in a transaction before anything is appended in it. Otherwise, events that are rolled
    back later would be counted.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._count = 0
        self._last = START
        self._scopes: dict[str, Account] = {}

    def names(self, connection: Connection) -> list[str]:
        """Return the names of all scopes in the order in which they were created."""
        self._catch_up(connection)
        return list(self._scopes)

    def of(self, connection: Connection, scope: str) -> Account:
        """Return the account of a scope.

        Raises
        ------
        ConfigError
            If no scope has this name.
        LedgerError
            If the chain does not verify.
        """
        known = self.names(connection)
        if scope not in self._scopes:
            raise ConfigError(
                f"the ledger has no scope {scope!r}.{did_you_mean(scope, known)} "
                f"Scopes: {', '.join(known) or 'none yet'}. create_scope creates one."
            )
        return self._scopes[scope]

    def _catch_up(self, connection: Connection) -> None:
        """Read, verify and add what is new since the last time."""
        for row in self._chain.following(connection, self._count, self._last):
            self._add(row)
            self._count, self._last = row.seq + 1, row.hash

    def _add(self, row: Any) -> None:
        if row.kind == "scope":
            body = json.loads(row.body)
            cap = Amount(row.epsilon, row.delta, row.rho)
            stated = body.get("neighbours")
            self._scopes[row.scope] = Account(row.scope, body["accounting"], stated, cap)
        elif row.scope in self._scopes:
            self._scopes[row.scope].add(row)


def _keys_of(analyst: str, dataset: str) -> list[tuple[str, str]]:
    return [(analyst, dataset), (analyst, ANY), (ANY, dataset), (ANY, ANY)]


def _unstated(body: str) -> set[Neighbours]:
    costs = [cost for cost in json.loads(body)["costs"] if "neighbours" not in cost]
    return {REPLACE if cost["label"] == _EBM_LABEL else ADD_REMOVE for cost in costs}
