"""Scopes and grants: how much may be spent at most, by whom and on what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.privacy.costs import ACCOUNTINGS, NEIGHBOURS, Accounting, Neighbours
from rai_scale.privacy.ledger.amounts import Amount, Number, to_units
from rai_scale.privacy.ledger.request import Step, checked_names
from rai_scale.privacy.ledger.state import ANY, Scope


def amount(
    accounting: Accounting, epsilon: Number | None, delta: Number, rho: Number | None
) -> Amount:
    """Return a cap or grant, rounded down, that fits the accounting of its scope.

    Raises
    ------
    ConfigError
        If the amount is not given in the measure that the scope counts.
    """
    wanted, other = ("rho", "epsilon") if accounting == "zcdp" else ("epsilon", "rho")
    given = {"epsilon": epsilon, "rho": rho}
    if given[wanted] is None or given[other] is not None:
        raise ConfigError(
            f"a scope with accounting={accounting!r} needs {wanted} and delta, not {other}."
        )
    units = {wanted: to_units(given[wanted] or 0, wanted, up=False)}
    return Amount(**units, delta=to_units(delta, "delta", up=False))


def create_scope(
    step: Step,
    name: str,
    *,
    accounting: Accounting,
    epsilon: Number | None,
    delta: Number,
    rho: Number | None,
    neighbours: Neighbours,
) -> None:
    """Create a scope; nothing happens if the same scope already exists."""
    checked_names([name], "a scope's name")
    _one_of("accounting", accounting, ACCOUNTINGS)
    _one_of("neighbours", neighbours, NEIGHBOURS)
    cap = amount(accounting, epsilon, delta, rho)
    if name in step.accounts.names(step.connection):
        found = step.accounts.of(step.connection, name).scope
        if found != Scope(name, accounting, cap, neighbours):
            raise ConfigError(
                f"scope {name!r} exists with another cap, accounting or neighbour relation (it has "
                f"{found.accounting}, {found.neighbours}), and these never change, because a "
                f"release cannot be undone."
            )
        return
    body = {"accounting": accounting, "neighbours": neighbours}
    step.note("scope", name, epsilon=cap.epsilon, delta=cap.delta, rho=cap.rho, body=body)


def _one_of(what: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ConfigError(
            f"{what} {value!r} is not known.{did_you_mean(str(value), allowed)} "
            f"Allowed: {', '.join(allowed)}."
        )


def grant(
    step: Step,
    scope: str,
    *,
    analyst: str | None,
    dataset: str | None,
    epsilon: Number | None,
    delta: Number,
    rho: Number | None,
    window: timedelta | None,
) -> None:
    """Limit an analyst, a dataset or both; replaces an earlier grant for the same."""
    checked_names([name for name in (analyst, dataset) if name is not None], "analyst and dataset")
    given = amount(step.accounts.of(step.connection, scope).accounting, epsilon, delta, rho)
    seconds = None if window is None else window.total_seconds()
    if seconds is not None and (seconds < 1 or seconds != int(seconds)):
        raise ConfigError("the window of a grant must be an integer number of seconds, at least 1.")
    step.note(
        "grant",
        scope,
        analyst=analyst or ANY,
        dataset=dataset or ANY,
        epsilon=given.epsilon,
        delta=given.delta,
        rho=given.rho,
        body={"window": None if seconds is None else int(seconds)},
    )
