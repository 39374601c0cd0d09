"""The results for the texts of a batch, and what they say of each row."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from rai_scale.pii.redaction.findings import FAILED, FINDING, OK


class Redacted(NamedTuple):
    """The result for one text: the new text (None on failure), its findings, the error type."""

    text: str | None
    findings: list[dict[str, Any]]
    error: str | None


@dataclass
class RowLog:
    """The findings and the first error of each row of a batch."""

    rows: int
    findings: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[int, str] = field(default_factory=dict)

    def add(self, row: int, column: str, done: Redacted) -> None:
        """Record the result for one text of a row."""
        self.findings[row] += [{"column": column, **finding} for finding in done.findings]
        if done.error:
            self.errors.setdefault(row, f"{column}: {done.error}")

    def columns(self) -> list[pa.Array]:
        """Return status, error and findings, one entry per row."""
        rows = range(self.rows)
        return [
            pa.array([FAILED if row in self.errors else OK for row in rows], pa.string()),
            pa.array([self.errors.get(row) for row in rows], pa.string()),
            pa.array([self.findings.get(row, []) for row in rows], pa.list_(FINDING)),
        ]
