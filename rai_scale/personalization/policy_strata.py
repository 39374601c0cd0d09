"""Sums per group, policy and reward: from cells, or from one pass over rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from rai_scale.personalization.policy_cells import LogCells, cell_scores, group_sums
from rai_scale.personalization.policy_question import Prepared, Question
from rai_scale.personalization.policy_rows import merged_maxima, row_sums, sums_of_row
from rai_scale.personalization.policy_scores import ScoreRows
from rai_scale.personalization.policy_sums import Sums

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

Strata = dict[tuple[str, str], tuple[dict[tuple[int, int], Sums], dict[int, dict[str, float]]]]
"""Per group (column, value): sums per policy and reward, and numbers of weights per policy."""


def cell_strata(cells: LogCells, ready: Prepared, asked: Question) -> Strata:
    """Return the sums of a log that is counted as cells, where each row is a cluster."""
    space, fitted, models = ready.space, ready.fitted, ready.model
    at = space.contexts_of(cells.keys), space.actions_of(cells.keys)
    empty = np.full(space.shape, math.nan)
    own = fitted if asked.model is None else None
    masks = {("", ""): np.ones(len(cells.count), bool)}
    for name in asked.groups:
        column = cells.keys[name]
        for value in column.unique().to_pylist():
            found = column.is_null() if value is None else pc.equal(column, value)
            masks[name, group_name(value)] = np.asarray(pc.fill_null(found, False))
    scores = {
        (k, j): cell_scores(cells, at, p, models[j] if models else empty, own)
        for k, p in enumerate(ready.policies)
        for j in range(len(asked.rewards))
    }
    mass = [
        np.where(fitted.count == 0, p, 0.0).sum(axis=1)[at[0]] * cells.count for p in ready.policies
    ]
    found_strata: Strata = {}
    for key, mask in masks.items():
        sums = {
            (k, j): group_sums(cells, scores[k, j], reward, mask)
            for k in range(len(ready.policies))
            for j, reward in enumerate(asked.rewards)
        }
        weights = {
            k: {
                "squares": sums[k, 0].product["ww"],
                "largest": float(scores[k, 0]["w"][mask].max(initial=0.0)),
                "unsupported": float(mass[k][mask].sum()),
            }
            for k in range(len(ready.policies))
        }
        found_strata[key] = (sums, weights)
    return found_strata


def row_strata(engine: Engine, log: Any, ready: Prepared, asked: Question, known: Strata) -> Strata:
    """Return the sums from one pass over rows; totals that are known from cells are kept."""
    score = ScoreRows(
        space=ready.space,
        policies=ready.policies,
        model=ready.model,
        fitted=ready.fitted if asked.model is None else None,
        support=ready.fitted.count > 0,
        propensity=asked.propensity,
        rewards=tuple(asked.rewards.values()),
        person=asked.person,
        groups=asked.groups,
        features=asked.features,
        letters=_letters(asked.estimators, bool(known)),
        known=bool(known),
    )
    table = row_sums(engine, log, score)
    found: Strata = {}
    for row in merged_maxima(table, asked.groups, len(ready.policies)):
        own = [i for i in range(len(asked.groups)) if not row[f"z{i}"]]
        key = (asked.groups[own[0]], group_name(row[f"g{own[0]}"])) if own else ("", "")
        sums = {
            (k, j): sums_of_row(row, k, j)
            for k in range(len(ready.policies))
            for j in range(len(asked.rewards))
        }
        weights = {
            k: {
                "squares": float(row.get(f"v_{k}") or 0),
                "largest": float(row.get(f"x_{k}") or 0),
                "unsupported": float(row.get(f"u_{k}") or 0),
            }
            for k in range(len(ready.policies))
        }
        if key in known:
            exact, weights = known[key]
            sums = {at: Sums(exact[at].total, one.product, one.clusters)
                    for at, one in sums.items()}  # fmt: skip
        found[key] = (sums, weights)
    return found


def _letters(estimators: Sequence[str], known: bool) -> str:
    """Return the scores of rows that the estimators need; see :class:`ScoreRows`."""
    needed = {"s": {"ips", "snips"}, "m": set() if known else {"dm"}, "e": {"dm"}, "d": {"dr"}}
    return "".join(letter for letter, of in needed.items() if of & set(estimators))


def group_name(value: Any) -> str:
    """Return a value of a group column as text."""
    return "missing" if value is None or value != value else str(value)  # noqa: PLR0124
