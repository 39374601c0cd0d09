"""What the decisions of people mean for rows: table functions that judge a batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.personalization.consent_decisions import REASONS, codes_of
from rai_scale.personalization.consent_table import DECIDED


@dataclass(frozen=True)
class Judge:
    """Which groups of features may not be used in each row of a batch, and why."""

    groups: Mapping[str, tuple[str, ...]]
    at: int | None
    at_column: str | None
    default: str
    refresh: int

    @property
    def inputs(self) -> list[str]:
        """Return the columns that are read."""
        return [DECIDED, *([self.at_column] if self.at_column else [])]

    def codes(self, table: pa.Table) -> dict[str, np.ndarray]:
        """Return the position in :data:`REASONS` of each row, by group."""
        if self.at_column is None:
            at, known = np.full(table.num_rows, self.at), np.full(table.num_rows, True)
        else:
            moments = table[self.at_column].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
            known = np.asarray(moments.is_valid())
            at = np.asarray(pc.fill_null(moments, 0).to_numpy())
        codes = codes_of(table[DECIDED], at, self.refresh, self.default, [*self.groups])
        # a row without a time cannot be judged, so nothing is allowed
        return {name: np.where(known, one, 2) for name, one in codes.items()}


@dataclass(frozen=True)
class RemoveFeatures:
    """Table function: features without consent become null."""

    judge: Judge
    status: str

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the features and the status of a batch."""
        codes = self.judge.codes(table)
        found: dict[str, Any] = {}
        for name, features in self.judge.groups.items():
            gone = pa.array(codes[name] > 0)
            for feature in features:
                column = found.get(feature, table[feature])
                found[feature] = pc.if_else(gone, pa.scalar(None, column.type), column)
        said = _texts(codes, table.num_rows, _status)
        return pa.table({**found, self.status: said})


@dataclass(frozen=True)
class ListRefused:
    """Table function: the features of each row that may not be used."""

    judge: Judge
    column: str

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the lists of a batch."""

        def listed(codes: Mapping[str, int]) -> str:
            names = (f for g, code in codes.items() if code for f in self.judge.groups[g])
            return json.dumps(list(dict.fromkeys(names)))

        codes = self.judge.codes(table)
        return pa.table({self.column: _texts(codes, table.num_rows, listed)})


def _status(codes: Mapping[str, int]) -> str:
    return "; ".join(f"{name}: {REASONS[code]}" for name, code in codes.items() if code)


def _texts(
    codes: Mapping[str, np.ndarray], rows: int, text: Callable[[Mapping[str, int]], str]
) -> pa.Array:
    """Return a text per row, made once per distinct combination of codes."""
    names = list(codes)
    if not names:
        return pa.array([text({})] * rows, pa.string())
    matrix = np.stack([codes[name] for name in names], axis=1).reshape(rows, len(names))
    distinct, at = np.unique(matrix, axis=0, return_inverse=True)
    texts = [text(dict(zip(names, row, strict=True))) for row in distinct.tolist()]
    return pa.array(texts, pa.string()).take(pa.array(at.ravel()))
