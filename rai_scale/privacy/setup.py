"""Scopes and grants: what may be spent at most, by whom and on what."""

from __future__ import annotations

from datetime import timedelta

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.privacy.budget import Amount, Number, to_units
from rai_scale.privacy.costs import ACCOUNTINGS, Accounting
from rai_scale.privacy.life import Step, checked_names
from rai_scale.privacy.state import ANY, Scope, scope_names, scope_of


def amount(
    accounting: Accounting, epsilon: Number | None, delta: Number, rho: Number | None
) -> Amount:
    """Return a cap or grant, rounded down, that fits the accounting of its scope.

    Raises
    ------
    ConfigError
        If epsilon is given where rho is counted, or the other way round, or neither.
    """
    wanted, other = ("rho", "epsilon") if accounting == "zcdp" else ("epsilon", "rho")
    given = {"epsilon": epsilon, "rho": rho}
    if given[wanted] is None or given[other] is not None:
        raise ConfigError(
            f"a scope with accounting={accounting!r} is given in {wanted} and delta, not {other}."
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
) -> None:
    """Make a scope; nothing happens if the very same is there already."""
    checked_names([name], "a scope's name")
    if accounting not in ACCOUNTINGS:
        raise ConfigError(
            f"accounting {accounting!r} is not known.{did_you_mean(str(accounting), ACCOUNTINGS)} "
            f"Allowed: {', '.join(ACCOUNTINGS)}."
        )
    cap = amount(accounting, epsilon, delta, rho)
    if name in scope_names(step.connection):
        if scope_of(step.connection, name) != Scope(name, accounting, cap):
            raise ConfigError(
                f"scope {name!r} exists with another cap or accounting, and a cap never changes: "
                "what was released under it cannot be taken back."
            )
        return
    body = {"accounting": accounting}
    step.note("scope", name, epsilon=cap.epsilon, delta=cap.delta, rho=cap.rho, body=body)


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
    """Limit an analyst, a dataset or both; takes the place of an earlier grant for the same."""
    checked_names([name for name in (analyst, dataset) if name is not None], "analyst and dataset")
    given = amount(scope_of(step.connection, scope).accounting, epsilon, delta, rho)
    seconds = None if window is None else window.total_seconds()
    if seconds is not None and (seconds < 1 or seconds != int(seconds)):
        raise ConfigError("the window of a grant must be whole seconds, at least one.")
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
