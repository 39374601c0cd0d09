"""The results of the private mode: noisy class sizes, and noisy counts of declared classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.privacy.declared_bins import ColumnBins
from rai_scale.privacy.noise import Noise
from rai_scale.results import Result, Tables
from rai_scale.risk.anonymity_result import UNDER

_ENOUGH = 10


class NoisyNumbers(Result):
    """Noisy counts with intervals that hold together."""

    counts: np.ndarray
    noise: Noise
    confidence: float
    facts: Mapping[str, Any]

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        half = self.noise.half_width((1 - self.confidence) / len(self.counts))
        return np.maximum(self.counts - half, 0), np.maximum(self.counts + half, 0)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        given = [n for n in ("epsilon", "delta", "rho") if self.facts.get(n)]
        spent = ", ".join(f"{name} {self.facts[name]:g}" for name in given)
        most = self.facts["max_rows"]
        return (
            f"all numbers come from one release of noisy counts ({spent}, at most "
            f"{most} {'row' if most == 1 else 'rows'} per {self.facts['privacy_unit']}). All "
            f"intervals hold together with {self.confidence:.0%} confidence.",
        )

    def _remarks(self) -> Sequence[str]:
        return self.notes


@dataclass(frozen=True, repr=False)
class NoisySizes(NoisyNumbers):
    """How many classes have 1, 2, ... people, with noise.

    Attributes
    ----------
    quasi_identifiers : tuple of str
    counts : ndarray of int64, shape (largest,)
        As released: the classes of 1, 2, ... people; the last of this size or more. Noise may make
        a count negative.
    noise : Noise
    confidence : float
    facts : dict
        The budget that was spent, and the id of its charge.
    """

    quasi_identifiers: tuple[str, ...]
    counts: np.ndarray
    noise: Noise
    confidence: float
    facts: Mapping[str, Any]

    @property
    def sizes(self) -> pd.DataFrame:
        """One row per ``size`` (the last is open): noisy ``classes``, ``low``, ``high``; int64."""
        low, high = self._bounds()
        size = np.arange(1, len(self.counts) + 1)
        return pd.DataFrame({"size": size, "classes": self.counts, "low": low, "high": high})

    def people_under(self, k: int) -> tuple[int, int, int]:
        """Return how many people are in classes of fewer than ``k``: noisy, lowest and highest."""
        if not 2 <= k <= len(self.counts):  # noqa: PLR2004
            raise ConfigError(f"k must be from 2 to {len(self.counts)}, the last size; found {k}.")
        table = self.sizes.iloc[: k - 1]
        value, low, high = (
            int((table["size"] * table[n]).sum()) for n in ("classes", "low", "high")
        )
        return value, low, high

    @property
    def k_at_most(self) -> int | None:
        """A size that a class of the counted rows surely has (k is not larger); None if hidden."""
        table = self.sizes.iloc[:-1]
        sure = table.loc[table["low"] > 0, "size"]
        return int(sure.min()) if len(sure) else None

    def totals(self) -> Mapping[str, Any]:
        """Return the noisy number of classes, and of people in small ones."""
        known = {"classes": int(self.counts.sum()), "k_at_most": self.k_at_most}
        return known | {name: int(value) for name, value in self._numbers().items()}

    def _numbers(self) -> Mapping[str, float]:
        known = [k for k in UNDER if k <= len(self.counts)]
        found = {"classes": float(self.counts.sum())}
        return found | {f"people_under_{k}": float(self.people_under(k)[0]) for k in known}

    def _tables(self) -> Tables:
        return {"sizes": lambda: self.sizes}


@dataclass(frozen=True, repr=False)
class NoisyClasses(NoisyNumbers):
    """How many rows are in each declared class, with noise.

    Attributes
    ----------
    declared : ColumnBins
    counts : ndarray of int64, shape (classes,)
        As released, in the order of :attr:`classes`. Noise may make a count negative.
    noise : Noise
    confidence : float
    facts : dict
        The budget that was spent, and the id of its charge.
    """

    declared: ColumnBins
    counts: np.ndarray
    noise: Noise
    confidence: float
    facts: Mapping[str, Any]

    @property
    def classes(self) -> pd.DataFrame:
        """One row per declared class: its bins, noisy ``rows``, ``low`` and ``high``."""
        names = self.declared.features
        bins = list(product(*map(self.declared.labels_of, names)))
        low, high = self._bounds()
        table = pd.DataFrame(bins, columns=names)
        added = pd.DataFrame({"rows": self.counts, "low": low, "high": high})
        return pd.concat([table, added], axis=1)

    def at_least(self, k: int) -> pd.DataFrame:
        """Return the classes that surely have at least ``k`` rows."""
        found = self.classes
        return found[self._bounds()[0] >= k]

    def totals(self) -> Mapping[str, Any]:
        """Return the number of declared classes, of those that are surely large, and of rows."""
        sure = int((self._bounds()[0] >= _ENOUGH).sum())
        rows = int(self.counts.sum())
        return {"rows": rows, "classes": len(self.counts), f"at_least_{_ENOUGH}": sure}

    def _numbers(self) -> Mapping[str, float]:
        return {name: float(value) for name, value in self.totals().items()}

    def _tables(self) -> Tables:
        return {"classes": lambda: self.classes}
