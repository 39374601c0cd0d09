"""Policies and models of rewards over discrete contexts, as matrices of contexts and actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import canonical_table
from rai_scale.engines.key_values import arrow_values, places_of, row_codes
from rai_scale.errors import ConfigError, check_columns

PROBABILITY = "probability"
_NEAR = 1e-9

Policy = str | pd.DataFrame | Callable[[pd.DataFrame], Any]
"""A column, a table of probabilities, or a function of the features; see evaluate_policy."""


@dataclass(frozen=True)
class Space:
    """The contexts that the log has, and the actions that it or a policy has.

    Attributes
    ----------
    context : pyarrow.Table
        One row per distinct context; a table without columns has one context.
    action : pyarrow.Array
        Distinct actions.
    names : tuple of str
        The names of the columns: those of the context, then that of the action.
    """

    context: pa.Table
    action: pa.Array
    names: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """The number of contexts and of actions."""
        return max(self.context.num_rows, 1) if self.names[:-1] else 1, len(self.action)

    def contexts_of(self, table: pa.Table) -> np.ndarray:
        """Return the number of each row's context; -1 if it is not known."""
        if not self.names[:-1]:
            return np.zeros(table.num_rows, np.int64)
        groups = {n: self.context[n].combine_chunks() for n in self.names[:-1]}
        return places_of(table, groups)

    def actions_of(self, table: pa.Table) -> np.ndarray:
        """Return the number of each row's action; -1 if it is not known."""
        return places_of(table, {self.names[-1]: self.action})


def space_of(table: pa.Table, context: Sequence[str], action: str, more: Sequence[Any]) -> Space:
    """Return the space of a table of counts, with the actions of policies and models."""
    names = [*context]
    found = table.select(names)
    if names:
        first = np.unique(row_codes(found, names), return_index=True)[1]
        found = found.take(np.sort(first))
    logged = table[action].combine_chunks().drop_null().unique()
    for values in more:
        given = arrow_values(values)
        try:
            given = given.cast(logged.type)
        except pa.ArrowInvalid:
            raise ConfigError(
                f"policy: the actions have type {given.type}, but column {action!r} has "
                f"{logged.type}. Cast them."
            ) from None
        logged = pa.concat_arrays([logged, given]).unique()
    logged = logged.take(pc.sort_indices(logged))  # functions receive them in this order
    return Space(found, logged, (*names, action))


def action_values(given: Any, action: str) -> list[Any]:
    """Return the actions that a table of a policy or model names."""
    return [given[action].unique()] if isinstance(given, pd.DataFrame) and action in given else []


def matrix(given: pd.DataFrame, space: Space, column: str, what: str, missing: float) -> np.ndarray:
    """Return a column of a table as an array of shape (contexts, actions).

    Raises
    ------
    ConfigError
        If a combination of context and action occurs twice, or a column is missing.
    """
    names = [*space.names]
    check_columns([*names, column], list(given.columns))
    table = canonical_table(pa.Table.from_pandas(given[names], preserve_index=False))
    if table.num_rows and row_codes(table, names).max() + 1 < table.num_rows:
        raise ConfigError(f"{what}: a combination of {', '.join(names)} occurs twice.")
    at, chosen = space.contexts_of(table), space.actions_of(table)
    known = (at >= 0) & (chosen >= 0)
    found = np.full(space.shape, missing)
    found[at[known], chosen[known]] = given[column].to_numpy(dtype=float)[known]
    return found


def probabilities(name: str, given: pd.DataFrame, space: Space) -> np.ndarray:
    """Return the probabilities of a policy, shape (contexts, actions).

    Raises
    ------
    ConfigError
        If they are not probabilities that add up to 1 in every context of the log.
    """
    found = matrix(given, space, PROBABILITY, f"policy {name!r}", 0.0)
    if not ((found >= 0) & (found <= 1)).all():
        raise ConfigError(f"policy {name!r}: probabilities must be from 0 to 1.")
    wrong = int((abs(found.sum(axis=1) - 1) > _NEAR).sum())
    if wrong:
        raise ConfigError(
            f"policy {name!r}: the probabilities of {wrong:,} of {len(found):,} contexts of the "
            "log do not add up to 1, or the context is missing. List every action of each context."
        )
    return found


def named_policies(policy: Any) -> dict[str, Policy]:
    """Return policies by name; a single one is called ``policy``.

    Raises
    ------
    ConfigError
        If one is not a column, a table or a function.
    """
    found = dict(policy) if isinstance(policy, Mapping) else {"policy": policy}
    for name, one in found.items():
        if not (isinstance(one, str | pd.DataFrame) or callable(one)):
            raise ConfigError(
                f"policy {name!r} must be a column, a table with a column {PROBABILITY!r}, or a "
                f"function of the features; found {type(one).__name__}."
            )
    if not found:
        raise ConfigError("policy: give at least one.")
    return found
