"""Compare a redaction with the ground truth: recall and precision, item by item."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rai_scale.errors import RaiScaleError
from rai_scale.jobs.redact.table import FINDINGS_FOLDER
from rai_scale.tables.find import find_tables
from rai_scale.tables.pointer import current_path
from rai_scale.tables.read import read_table

NOT_COUNTED = ("DATE_TIME", "URL")
"""Not part of precision: the ground truth has only dates of birth and few web addresses."""

EXPLANATION = (
    "Recall: the share of planted items whose text is no longer in its value. An item of a table "
    "that was not redacted counts as missed, and an item of a quarantined row as removed. "
    "Precision: the share of findings that overlap a planted item of any type. Dates and web "
    "addresses are excluded, because the ground truth has only some of them."
)


@dataclass(frozen=True)
class Truth:
    """Planted items of a sample lake, and the key column of each table."""

    items: pd.DataFrame
    keys: dict[str, str]


def read_truth(lake: str | Path) -> Truth:
    """Read the ground truth of a sample lake; the key of a text file is its path."""
    folder = Path(lake) / "_truth"
    columns = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
    items = pd.read_parquet(folder / "items.parquet")
    keys = {table: (spec["key"] or [""])[0] for table, spec in columns.items()}
    return Truth(items, {t: "path" if k == "file" else k for t, k in keys.items()})


def prove(truth: Truth, redacted: str) -> dict[str, Any]:
    """Compare a redacted lake with the ground truth.

    Parameters
    ----------
    truth : Truth
    redacted : str
        Output folder of the redaction job.

    Returns
    -------
    dict
        ``items``, ``removed``, ``recall``, ``precision``, and the same by entity and by table;
        ``missed`` has counts per column and entity. It contains no values.
    """
    items = truth.items.copy()
    lake = current_path(redacted)
    tables = {t.name: t for t in find_tables(lake)}
    items["removed"] = False
    findings = []
    for name in sorted(set(items["table"]) & set(tables)):
        group = items[items["table"] == name]
        cells = _cells(tables[name], truth.keys[name])
        items.loc[group.index, "removed"] = [
            not _stands(cells.get(str(i.key)), str(i.column), str(i.value))
            for i in group.itertuples()
        ]
        findings.append(_findings(lake, name, truth.keys[name]))
    found = pd.concat(findings, ignore_index=True) if findings else pd.DataFrame()
    return _report(items, _with_hits(found, items))


def _cells(table: Any, key: str) -> dict[str, dict[str, Any]]:
    frame = read_table(table, "local").df()
    return {str(row[key]): row for row in frame.to_dict("records")}


def _findings(lake: str, table: str, key: str) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = read_table(f"{lake}/{FINDINGS_FOLDER}/{table}", "local").df()
    except RaiScaleError:
        return pd.DataFrame()
    renamed = frame.rename(columns={key: "key"}) if key in frame else frame.assign(key="")
    return renamed.assign(table=table, key=renamed["key"].astype(str))


def _stands(row: Mapping[str, Any] | None, path: str, value: str) -> bool:
    """Return whether the planted text is still in the value or leaf of the output."""
    if row is None:
        return False
    top, *steps = [s for s in re.split(r"\.|(?=\[)", path) if s]
    cell: Any = row.get(top)
    if steps and isinstance(cell, str):
        cell = _leaf(cell, steps)
    return cell is not None and value in str(cell)


def _leaf(text: str, steps: Iterable[str]) -> Any:
    try:
        found: Any = json.loads(text)
        for step in steps:
            found = found[int(step[1:-1])] if step.startswith("[") else found[step]
    except (ValueError, KeyError, IndexError, TypeError):
        return text  # the structure has changed: search the whole text
    return found


def _with_hits(found: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Mark the findings that overlap a planted item of the same value."""
    if found.empty:
        return found.assign(hit=False, entity="")
    planted: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    for i in items.to_dict("records"):
        path = re.sub(r"\[\d+\]", "[]", i["column"])
        planted[i["table"], str(i["key"]), path].append((i["start"], i["end"]))
    hits = [
        any(
            f["start"] < end and start < f["end"]
            for start, end in planted[f["table"], f["key"], f["column"]]
        )
        for f in found.to_dict("records")
    ]
    return found.assign(hit=hits)


def _report(items: pd.DataFrame, found: pd.DataFrame) -> dict[str, Any]:
    counted = found[~found["entity"].isin(NOT_COUNTED)]
    false = counted[~counted["hit"].astype(bool)]["entity"].value_counts()
    missed = items[~items["removed"]].groupby(["table", "column", "entity"], as_index=False).size()
    by_entity = _by(items, "entity")
    for row in by_entity:
        known = row["entity"] not in NOT_COUNTED
        row["false_positives"] = int(false.get(row["entity"], 0)) if known else None
    return {
        "items": len(items),
        "removed": int(items["removed"].sum()),
        "recall": float(items["removed"].mean()) if len(items) else None,
        "precision": float(counted["hit"].mean()) if len(counted) else None,
        "by_entity": by_entity,
        "by_table": _by(items, "table"),
        "missed": [
            {**{n: row[n] for n in ("table", "column", "entity")}, "count": int(row["size"])}
            for row in missed.to_dict("records")
        ],
        "explanation": EXPLANATION,
    }


def _by(items: pd.DataFrame, name: str) -> list[dict[str, Any]]:
    grouped = items.groupby(name)["removed"].agg(["size", "sum", "mean"])
    return [
        {
            name: str(key),
            "items": int(r["size"]),
            "removed": int(r["sum"]),
            "recall": float(r["mean"]),
        }
        for key, r in grouped.iterrows()
    ]
