"""Which endings mean which format, and which files are parts of one table."""

from __future__ import annotations

import re

from rai_scale.errors import TableError, did_you_mean

CORRUPT = "_corrupt_record"
"""Column of the raw text of a line that its format's reader could not take apart."""

FORMATS = ("parquet", "delta", "iceberg", "csv", "jsonl", "text", "lines")
TABLE_FORMATS = frozenset({"delta", "iceberg"})
"""Formats that are a folder with a log; no file is of them by itself."""

_ENDINGS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "csv",
    ".tsv.gz": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".jsonl.gz": "jsonl",
    ".ndjson.gz": "jsonl",
    ".json.gz": "jsonl",
    ".txt": "text",
    ".md": "text",
    ".log": "text",
}
_CODECS = re.compile(r"\.(snappy|gz|gzip|zstd|zst|lz4|lz4raw|brotli|lzo)$")
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.I)
_TASK = re.compile(r"-c\d{3,}(?=\.|$)")
_GENERIC = {"", "part", "data", "file", "chunk"}


def check_format(name: str) -> None:
    """Raise :class:`TableError` for a format that is not read."""
    if name not in FORMATS:
        raise TableError(
            f"unknown format {name!r}; choose one of {', '.join(FORMATS)}."
            f"{did_you_mean(name, FORMATS)}"
        )


def _ending(name: str) -> str:
    lower = name.lower()
    return max((e for e in _ENDINGS if lower.endswith(e) and lower != e), key=len, default="")


def format_of(name: str, asked: str | None = None) -> str | None:
    """Return the format of a file by its ending, or None where it says nothing.

    A format that was asked for also claims files of unknown ending, and a textual one
    (csv, jsonl, text, lines) claims every textual file; Parquet is never read as text.
    """
    found = _ENDINGS.get(_ending(name))
    if asked is None or asked == found:
        return found
    if found is None:
        return asked
    return asked if "parquet" not in (asked, found) else None


def delimiter_of(name: str) -> str:
    """Return the field delimiter of a CSV file by its ending."""
    return "\t" if _ending(name).startswith(".tsv") else ","


def stem_of(name: str) -> str:
    """Return a file name without the endings of format and codec."""
    ending = _ending(name)
    stem = name[: -len(ending)] if ending else name
    return _CODECS.sub("", stem) or name


def part_stem(name: str) -> str:
    """Return what is left of a stem without numbers and uuids; equal for parts of one table."""
    stem = _TASK.sub("", _UUID.sub("", stem_of(name)))
    return re.sub(r"[-_. ]+", "-", re.sub(r"\d+", "", stem)).strip("-")


def is_part_name(name: str) -> bool:
    """Whether the name says nothing but a number, as in ``part-00000-<uuid>.snappy.parquet``."""
    return part_stem(name).lower() in _GENERIC and part_stem(name) != stem_of(name)
