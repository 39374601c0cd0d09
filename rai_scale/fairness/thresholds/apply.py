"""Fitted thresholds as plain data, applied to batches of rows on the workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rai_scale.engines.key_values import places_of
from rai_scale.errors import ConfigError
from rai_scale.statistics.keyed_hash import key_uniforms
from rai_scale.statistics.score_bins import as_floats


@dataclass(frozen=True)
class GroupRules:
    """The randomised threshold rule of each group, one entry per group.

    With probability ``p0`` the first threshold decides, else (``p1``) the second. With probability
    ``p_ignore`` neither decides, and the prediction is 1 with probability ``constant``.

    Attributes
    ----------
    groups : dict of str to pa.Array
        The groups' values by column.
    p0, p1, p_ignore, constant, threshold0, threshold1 : ndarray of float64, shape (groups,)
        See above.
    below0, below1 : ndarray of bool, shape (groups,)
        Whether the rule is ``score < threshold`` rather than ``score > threshold``.
    """

    groups: dict[str, pa.Array]
    p0: np.ndarray
    p1: np.ndarray
    p_ignore: np.ndarray
    constant: np.ndarray
    threshold0: np.ndarray
    threshold1: np.ndarray
    below0: np.ndarray
    below1: np.ndarray

    def probabilities(self, scores: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Return the probability of a positive prediction, as in ``InterpolatedThresholder``."""
        at = group
        first = _passes(scores, self.threshold0[at], self.below0[at])
        second = _passes(scores, self.threshold1[at], self.below1[at])
        mixed = self.p0[at] * first + self.p1[at] * second
        kept = self.p_ignore[at] * self.constant[at] + (1 - self.p_ignore[at]) * mixed
        return np.where(np.isnan(self.p_ignore[at]), mixed, kept)

    def find(self, table: pa.Table) -> np.ndarray:
        """Return the number of each row's group; -1 for a group that was not fitted."""
        return places_of(table, self.groups)


def _passes(scores: np.ndarray, threshold: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.where(below, scores < threshold, scores > threshold)


@dataclass(frozen=True)
class PredictRows:
    """A table function: the probability of a positive prediction, or a prediction drawn with it.

    The draw depends only on the row's key and the seed, not on the engine and the partitions.
    """

    rules: GroupRules
    score: str
    output: str
    unseen: str
    key: tuple[str, ...] | None = None
    seed: int = 0
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one column; null where the score is missing."""
        scores = as_floats(table[self.score])
        group = self.rules.find(table)
        unknown = group < 0
        if unknown.any() and self.unseen == "error":
            raise ConfigError(
                f"{int(unknown.sum()):,} rows of a batch belong to groups that were not fitted, or "
                f"have no group. Filter them, fit with them, or pass unseen='zero' to give them "
                "probability 0, as Fairlearn does."
            )
        chance = np.where(unknown, 0.0, self.rules.probabilities(scores, np.maximum(group, 0)))
        missing = np.isnan(scores)
        if self.key is None:
            return pa.table({self.output: pa.array(chance, mask=missing)})
        drawn = chance >= key_uniforms(table.select(list(self.key)), self.seed)
        # Fairlearn draws from [0, 1) and compares with >=: a draw of 0 would be 1 at probability 0
        drawn &= chance > 0
        return pa.table({self.output: pa.array(drawn.astype(np.int64), mask=missing)})


def rule_columns(groups: Sequence[str], score: str, key: Sequence[str] = ()) -> list[str]:
    """Return the columns that a rule reads, each once."""
    return list(dict.fromkeys([*groups, score, *key]))
