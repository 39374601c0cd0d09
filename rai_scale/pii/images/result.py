"""The result of redacting images: each file in one state, each finding with its box."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from rai_scale.pii.images.redact_file import NOT_READ, NOTHING_FOUND, REDACTED, FileOutcome
from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import plain
from rai_scale.tables.path_names import shown

FINDINGS = {
    **{"file": "string", "page": "int64", "entity": "string", "score": "float64"},
    **dict.fromkeys(("left", "top", "width", "height"), "int64"),
}
FILES = {"file": "string", "status": "string", "why": "string"} | dict.fromkeys(
    ("pages", "findings"), "int64"
)
TOTALS = ("files", "redacted", "nothing_found", "not_read", "pages", "findings")
"""The numbers of an image redaction, which are also its metrics."""


@dataclass(frozen=True, repr=False)
class ImageRedaction(Result):
    """The result of :func:`redact_images`.

    Attributes
    ----------
    files : pandas.DataFrame
        One row per file: ``file`` (relative to the source), ``status`` (``redacted``, ``nothing
        found`` or ``not read``), ``why`` (why it was not read), ``pages`` and ``findings`` (their
        numbers). What is not a file, such as a link, is listed as not read.
    findings : pandas.DataFrame
        One row per word of each finding: ``file``, ``page`` (from 1), ``entity``, ``score`` (0 to
        1), and its box in pixels: ``left``, ``top``, ``width``, ``height``. The origin is the upper
        left corner of the page as it is written. A word that belongs to findings of two types has
        two rows.
    settings : dict
        How text was read and what was searched for.
    engine : str
    output : str
    """

    files: pd.DataFrame
    findings: pd.DataFrame
    settings: dict[str, Any] = field(default_factory=dict)
    engine: str = ""
    output: str = ""

    def _tables(self) -> Tables:
        return {"findings": self.findings.copy, "files": self.files.copy}

    def _numbers(self) -> Mapping[str, float]:
        return {name: float(value) for name, value in self.totals().items()}

    def _remarks(self) -> Sequence[str]:
        left = self.totals()["not_read"]
        note = f"files that were not read and are not in the output: {left:,}; see the table files"
        return [note] if left else []

    def totals(self) -> Mapping[str, Any]:
        """Return the numbers of files in each state, of pages and of findings."""
        states = Counter(self.files["status"])
        counts = [states[name] for name in (REDACTED, NOTHING_FOUND, NOT_READ)]
        pages = int(self.files["pages"].sum())
        return dict(zip(TOTALS, (len(self.files), *counts, pages, len(self.findings)), strict=True))

    def by_entity(self) -> pd.DataFrame:
        """Return the numbers of words, pages and files per type of personal data.

        Returns
        -------
        pandas.DataFrame
            ``entity``, ``words``, ``pages``, ``files``; the most frequent type first.
        """
        found = self.findings
        pages = found.drop_duplicates(["entity", "file", "page"])["entity"].value_counts()
        grouped = found.groupby("entity", as_index=False).agg(
            words=("file", "size"), files=("file", "nunique")
        )
        grouped.insert(2, "pages", grouped["entity"].map(pages))
        return grouped.sort_values(["words", "entity"], ascending=[False, True], ignore_index=True)

    def not_read(self) -> list[dict[str, str]]:
        """Return the path and the reason of each file that was not read, as reports show them."""
        rows = self.files[self.files["status"] == NOT_READ].to_dict("records")
        return [{"file": shown(str(row["file"])), "why": str(row["why"])} for row in rows]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {**super().to_dict(), "settings": plain(self.settings), "engine": self.engine}


def make_result(
    outcomes: Sequence[FileOutcome], skipped: Sequence[tuple[str, str]], **facts: Any
) -> ImageRedaction:
    """Return the result of all files; ``skipped`` has paths that were not opened, with reasons."""
    files = [{**asdict(one), "findings": len(one.findings)} for one in outcomes]
    files += [
        {"file": file, "status": NOT_READ, "why": why, "pages": 0, "findings": 0}
        for file, why in skipped
    ]
    findings = [
        {"file": one.file, "page": page, **finding._asdict()}
        for one in outcomes
        for page, finding in one.findings
    ]
    order = ["file", "page", "top", "left", "entity"]
    table = pd.DataFrame(findings, columns=list(FINDINGS)).sort_values(order, ignore_index=True)
    listed = pd.DataFrame(files, columns=list(FILES)).sort_values("file", ignore_index=True)
    return ImageRedaction(listed.astype(FILES), table.astype(FINDINGS), **facts)
