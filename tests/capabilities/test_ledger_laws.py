"""Any order of steps keeps the invariant: spent within the cap, one release per charge, unchanged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from rai_scale.errors import BudgetExceededError
from rai_scale.privacy import Cost, LedgerBusyError, LedgerError, open_ledger
from rai_scale.privacy.ledger.reservation import to_ipc

CAP = Fraction(1)
GRANT = Fraction(3, 10)
WINDOW = timedelta(hours=5)
EPSILON = {"a": "0.1", "b": "0.25", None: "0.07"}


class LedgerMachine(RuleBasedStateMachine):
    """A ledger beside a plain model of what was charged, read and released."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.ledger = open_ledger(
            "sqlite://", force_ephemeral=True, lease_seconds=3600, clock=lambda: self.now
        )
        self.ledger.create_scope("people", epsilon=CAP)
        self.ledger.grant("people", analyst="bob", epsilon=GRANT, window=WINDOW)
        self.ledger.grant("people", analyst="ann", epsilon=CAP)
        self.charges: dict[str, tuple[datetime, str, Fraction]] = {}
        self.read: set[str] = set()
        self.marked: set[tuple[str, int]] = set()
        self.shown: dict[str, bytes] = {}
        self.draws = 0

    def spent(self, analyst: str | None = None, since: datetime | None = None) -> Fraction:
        return sum(
            (
                epsilon
                for at, who, epsilon in self.charges.values()
                if analyst in (None, who) and (since is None or at > since)
            ),
            Fraction(0),
        )

    @rule(
        target=held, analyst=st.sampled_from(["ann", "bob"]), key=st.sampled_from(["a", "b", None])
    )
    def reserve(self, analyst, key):
        epsilon = Fraction(EPSILON[key])
        fits = self.spent() + epsilon <= CAP
        if analyst == "bob":
            fits = fits and self.spent("bob", self.now - WINDOW) + epsilon <= GRANT
        try:
            found = self.ledger.reserve(
                "people", analyst, "d", [Cost("n", epsilon=EPSILON[key])], idempotency_key=key
            )
        except BudgetExceededError:
            assert not fits
            return multiple()
        except LedgerBusyError:
            assert key is not None
            return multiple()
        assert found.charged == (found.id not in self.charges)
        if found.charged:
            assert fits
            self.charges[found.id] = (self.now, analyst, epsilon)
        assert (found.release is not None) == (found.id in self.shown)
        if found.release:
            assert found.release.arrow == self.shown[found.id]
        return found

    @rule(held=held)
    def mark_reading(self, held):
        try:
            self.ledger.mark_reading(held)
        except LedgerError:
            assert held.id not in self.charges
        else:
            assert held.id in self.charges
            self.read.add(held.id)
            self.marked.add((held.id, held.attempt))

    @rule(held=held)
    def store(self, held):
        self.draws += 1
        try:
            stored = self.ledger.store_release(held, to_ipc(pa.table({"n": [self.draws]})), {})
        except LedgerError:
            assert (held.id, held.attempt) not in self.marked or held.id in self.shown
        else:
            assert held.id in self.read
            assert self.shown.setdefault(held.id, stored.arrow) == stored.arrow

    @rule(held=held)
    def cancel(self, held):
        try:
            self.ledger.cancel(held)
        except LedgerError:
            assert held.id in self.read or held.id not in self.charges
        else:
            assert held.id not in self.read
            del self.charges[held.id]

    @rule(held=held)
    def abandon(self, held):
        self.ledger.abandon(held)

    @rule(hours=st.integers(1, 6))
    def wait(self, hours):
        self.now += timedelta(hours=hours)

    @invariant()
    def the_budget_is_what_was_charged(self):
        assert self.spent() <= CAP
        assert Fraction(self.ledger.remaining("people")["epsilon"]) == CAP - self.spent()

    @invariant()
    def every_release_is_charged_and_the_same_as_ever(self):
        for reservation, arrow in self.shown.items():
            owner = self.charges[reservation][1]
            assert self.ledger.release(reservation, owner).arrow == arrow

    def teardown(self):
        assert self.ledger.verify().problems == ()


LedgerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase
