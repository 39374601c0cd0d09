"""Labelled texts: a table of texts with their spans, in presidio-evaluator's format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from rai_scale.errors import ConfigError, check_columns, not_read
from rai_scale.pii.quality.matching import Span


class Columns(NamedTuple):
    """Names of the columns of labelled texts; ``template`` and ``column`` may be absent."""

    text: str = "full_text"
    spans: str = "spans"
    template: str | None = "template_id"
    column: str | None = None

    @property
    def names(self) -> list[str]:
        """The columns that are read."""
        return [name for name in self if name is not None]


def labelled_table(texts: Any) -> pa.Table:
    """Return the table of a file, or of records, in presidio-evaluator's JSON format.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a record has no text or no spans.
    """
    records = _read(texts) if isinstance(texts, str | Path) else list(texts)
    for number, record in enumerate(records):
        if not isinstance(record, Mapping) or not {"full_text", "spans"} <= set(record):
            raise ConfigError(f"texts: record {number} needs the keys full_text and spans.")
    return pa.table(
        {
            "full_text": pa.array([r["full_text"] for r in records], pa.string()),
            "spans": pa.array([json.dumps(r["spans"]) for r in records], pa.string()),
            "template_id": pa.array([_text(r.get("template_id")) for r in records], pa.string()),
        }
    )


def columns_in(names: Sequence[str], asked: Columns) -> Columns:
    """Return the columns to read; ``template_id`` is used only where the frame has it."""
    if asked.template == Columns().template and asked.template not in names:
        asked = asked._replace(template=None)
    check_columns(asked.names, names)
    return asked


class BadLabelsError(Exception):
    """The spans of a text cannot be read, or do not fit the text."""


def spans_of(text: str, given: Any) -> list[Span]:
    """Return the labels of a text from JSON text, or from a list of mappings.

    Raises
    ------
    BadLabelsError
        If they are not in presidio-evaluator's format, do not fit in the text, or name a value
        that is not at their position.
    """
    try:
        entries = json.loads(given) if isinstance(given, str) else given
        return [_span(text, entry) for entry in entries or ()]
    except (ValueError, TypeError, KeyError):
        raise BadLabelsError from None


def _span(text: str, entry: Mapping[str, Any]) -> Span:
    span = Span(str(entry["entity_type"]), int(entry["start_position"]), int(entry["end_position"]))
    if not 0 <= span.start < span.end <= len(text):
        raise ValueError
    value = entry.get("entity_value")
    if value is not None and text[span.start : span.end] != value:
        raise ValueError
    return span


def _read(path: str | Path) -> list[Any]:
    try:
        records = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(not_read(path, error)) from None
    except ValueError:
        raise ConfigError(f"{path}: is not JSON.") from None
    if not isinstance(records, list):
        raise ConfigError(f"{path}: must be a list of records with full_text and spans.")
    return records


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def texts_in(values: Iterable[Any]) -> list[str | None]:
    """Return values as texts; null stays null."""
    return [_text(value) for value in values]
