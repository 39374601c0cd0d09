"""Noisy numbers of rows and errors per declared bin, as they were released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.error_analysis.private.declared_bins import DeclaredBins
from rai_scale.measures.uncertainty.noisy_shares import Shares, enough_rows
from rai_scale.privacy.noise import Noise
from rai_scale.results import Result

NOTE = (
    "all numbers come from one release of noisy counts of declared bins: {spent}, at most {rows} "
    "per person. Numbers of rows are not exact."
)


@dataclass(frozen=True, repr=False)
class NoisyCounts(Result):
    """Noisy numbers of rows and errors per declared bin; see :class:`NoisyErrors`.

    Attributes
    ----------
    declared : DeclaredBins
    labels : tuple of (str, str)
        Columns of labels and predictions.
    counts : ndarray of int64
        As released: one axis per feature, and a last one for right and wrong rows.
    noise : Noise
        Of each count.
    facts : dict
        The budget that was spent, and the id of its charge.
    """

    declared: DeclaredBins
    labels: tuple[str, str]
    counts: np.ndarray
    noise: Noise
    facts: Mapping[str, Any]

    def sums(self, features: Sequence[str]) -> tuple[np.ndarray, int]:
        """Return the counts by some features (and right or wrong), and how many are in each."""
        every = self.declared.features
        others = tuple(at for at, name in enumerate(every) if name not in features)
        left = [name for name in every if name in features]
        order = [left.index(name) for name in features]
        summed = self.counts.sum(axis=others)
        behind = prod(self.counts.shape[at] for at in others)
        return summed.transpose([*order, len(left)]), behind

    def shares(self, rows: np.ndarray, errors: np.ndarray, cells: np.ndarray) -> Shares:
        """Return the error rates of sums of ``cells`` counts of errors, and as many of others."""
        usable, near = enough_rows(rows, 2 * cells, self.noise, self.declared.max_rows)
        found = (errors.astype(float), rows.astype(float), cells, cells, usable, near)
        return Shares(*found, self.noise, self.declared.max_rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        spent = [f"{name} {self.facts[name]:g}" for name in ("epsilon", "delta", "rho")
                 if self.facts.get(name)]  # fmt: skip
        most = self.declared.max_rows
        rows = "1 row" if most == 1 else f"{most} rows"
        return (NOTE.format(spent=", ".join(spent), rows=rows),)

    def totals(self) -> Mapping[str, Any]:
        """Return noisy numbers of rows and errors, and the number of noisy counts."""
        errors = int(self.counts[..., 1].sum())
        return {"rows": int(self.counts.sum()), "errors": errors, "counts": self.counts.size}

    def _cells(self) -> pd.DataFrame:
        values = [self.declared.values(name) for name in self.declared.features]
        table = pd.DataFrame(list(product(*values)), columns=self.declared.features)
        flat = self.counts.reshape(-1, 2)
        return table.assign(rows=flat.sum(axis=1), errors=flat[:, 1])

    def _tables(self) -> Any:
        return {"cells": self._cells}

    def _remarks(self) -> Sequence[str]:
        return self.notes
