"""The ground truth of a sample lake: all personal items, and the columns that have them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.errors import TableError
from rai_scale.samples.marked import MarkedText, planted

FOLDER, DOCUMENTS = "_truth", "documents.parquet"
ITEMS = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("table", "key", "column", "entity")),
        *(pa.field(name, pa.int64()) for name in ("start", "end")),
        pa.field("value", pa.string()),
    ]
)
TEXTS = pa.schema({name: pa.string() for name in ("table", "column", "full_text", "spans")})
LONGEST = 20_000
"""Characters of the longest text that ``texts.parquet`` has."""
CANARIES = ("PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "URL")
SHORTEST = 6


class TruthWriter:
    """Writes items and texts chunk by chunk, and collects the columns of the items.

    ``items.parquet`` has the personal items; ``texts.parquet`` the texts that were made with a
    record of their items, labelled in presidio-evaluator's format.
    """

    def __init__(self, folder: Path) -> None:
        self.count = 0
        self._folder = folder
        self._columns: dict[str, dict[str, Any]] = {}
        self._writer = pq.ParquetWriter(folder / "items.parquet", ITEMS)
        self._texts = pq.ParquetWriter(folder / "texts.parquet", TEXTS)

    def table(self, name: str, key: str) -> None:
        """Register a table, so that a table without personal data is listed too."""
        self._columns[name] = {"key": [key], "columns": {}}

    def add(self, table: str, keys: Sequence[str], found: Sequence[Sequence[MarkedText]]) -> None:
        """Append the texts of a chunk and their items; ``found[i]`` are of the row ``keys[i]``."""
        texts = [_labelled(table, text) for row in found for text in row]
        texts = [text for text in texts if len(text["full_text"]) <= LONGEST]
        self._texts.write_table(pa.Table.from_pylist(texts, TEXTS))
        rows = [
            (table, key, *item)
            for key, row in zip(keys, found, strict=True)
            for item in planted(row)
        ]
        if not rows:
            return
        columns = [list(column) for column in zip(*rows, strict=True)]
        chunk = pa.table(columns, schema=ITEMS)
        self._writer.write_table(chunk)
        self.count += len(rows)
        seen = self._columns[table]["columns"]
        for column, entity in set(zip(columns[2], columns[3], strict=True)):
            seen.setdefault(re.sub(r"\[\d+\]", "[]", str(column)), set()).add(entity)

    def close(self) -> None:
        """Finish both tables and write ``columns.json``."""
        self._writer.close()
        self._texts.close()
        for entry in self._columns.values():
            columns = sorted(entry["columns"].items())
            entry["columns"] = {name: sorted(entities) for name, entities in columns}
        text = json.dumps(self._columns, indent=2)
        (self._folder / "columns.json").write_text(text + "\n", encoding="utf-8")


def _labelled(table: str, text: MarkedText) -> dict[str, str]:
    spans = [
        {"entity_type": entity, "start_position": start, "end_position": end}
        for entity, start, end in text.marked.spans
    ]
    column = re.sub(r"\[\d+\]", "[]", text.column)
    content = {"full_text": text.marked.text, "spans": json.dumps(spans)}
    return {"table": table, "column": f"{table}.{column}", **content}


def planted_values(directory: str | Path) -> list[str]:
    """Return the values of a sample lake that no log, manifest or report may contain.

    Parameters
    ----------
    directory : str or Path
        Folder of the sample lake.

    Returns
    -------
    list of str
        Distinct values of at least 6 characters, sorted: full names, e-mail addresses, phone,
        card and social security numbers, IBANs and personal links. Places, dates and IP addresses
        are omitted, because other files may contain the same text by coincidence.

    Raises
    ------
    TableError
        If ``directory`` is not a sample lake.
    """
    path = Path(directory) / FOLDER / "items.parquet"
    if not path.is_file():
        raise TableError(
            f"{str(directory)!r} has no ground truth ({FOLDER}/items.parquet). Make a sample lake "
            "there first: rai-scale sample-lake DIR"
        )
    values: set[str] = set()
    for name in ("items.parquet", DOCUMENTS):
        if (path.parent / name).is_file():
            with pq.ParquetFile(path.parent / name) as file:
                for batch in file.iter_batches(columns=["entity", "value"]):
                    pairs = zip(*(batch[n].to_pylist() for n in batch.schema.names), strict=True)
                    values.update(value for entity, value in pairs if _is_canary(entity, value))
    return sorted(values)


def _is_canary(entity: str, value: str) -> bool:
    full = entity != "PERSON" or " " in value
    return full and entity in CANARIES and len(value) >= SHORTEST
