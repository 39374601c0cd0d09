"""The formats of files by their extensions, and which files are parts of one table."""

from __future__ import annotations

import re
from functools import lru_cache

from rai_scale.errors import TableError, did_you_mean

CORRUPT = "_corrupt_record"
"""The column for the text of lines that could not be parsed."""

UNREAD = "_unread"
"""The column for what was not read of a document, workbook, database, Avro or ORC file: JSON with
``file``, ``status`` (``partly read`` or ``not looked at``) and ``why``; null in rows of data."""

IMAGE = "image"
"""The format of pictures, which are read only if OCR is asked for."""
DOCUMENTS = ("pdf", "docx", "pptx", "email", "xml", "html", "archive", IMAGE)
"""Formats with one row per block of text."""
FILE_TABLES = ("orc", "avro", "xlsx", "sqlite")
"""Formats of files with one or more tables."""
FORMATS = (
    *("parquet", "delta", "iceberg", "csv", "jsonl", "text", "lines"),
    *FILE_TABLES,
    *DOCUMENTS,
)
TABLE_FORMATS = frozenset({"delta", "iceberg"})
"""Formats of folders with a log; a single file never has one of them."""

_ENDINGS = {
    ".parquet": "parquet",
    **{f".{kind}{gz}": "csv" for kind in ("csv", "tsv") for gz in ("", ".gz")},
    **{f".{kind}{gz}": "jsonl" for kind in ("jsonl", "ndjson", "json") for gz in ("", ".gz")},
    **dict.fromkeys((".txt", ".md", ".log"), "text"),
    **{".orc": "orc", ".avro": "avro", ".pdf": "pdf"},
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), "xlsx"),
    **dict.fromkeys((".sqlite", ".sqlite3", ".db", ".db3"), "sqlite"),
    **dict.fromkeys((".docx", ".docm", ".dotx", ".odt"), "docx"),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".odp"), "pptx"),
    **dict.fromkeys((".eml", ".msg", ".mht", ".mhtml"), "email"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".xml", ".xsd", ".svg"), "xml"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff"), IMAGE),
    **dict.fromkeys((".webp", ".dcm"), IMAGE),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".tbz2", ".gz", ".bz2", ".xz", ".zst"), "archive"),
}
_TEXTS = {"csv", "jsonl", "text", "lines"}
_TEXT_FILES = _TEXTS | {"email", "xml", "html"}
_CODECS = re.compile(r"\.(snappy|gz|gzip|zstd|zst|lz4|lz4raw|brotli|lzo)$")
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.I)
_UUID_LETTERS = 32
_DIGITS, _MARKS = re.compile(r"\d+"), re.compile(r"[-_. ]+")
_TASK = re.compile(r"-c\d{3,}(?=\.|$)")
_GENERIC = {"", "part", "data", "file", "chunk"}


def check_format(name: str) -> None:
    """Raise :class:`TableError` for an unknown format."""
    if name not in FORMATS:
        raise TableError(
            f"unknown format {name!r}; choose one of {', '.join(FORMATS)}."
            f"{did_you_mean(name, FORMATS)}"
        )


@lru_cache(maxsize=1 << 16)
def _ending(name: str) -> str:
    stem, *dotted = name.lower().rsplit(".", 2)
    ends = (f".{'.'.join(dotted[at:])}" for at in range(len(dotted)) if stem or at)
    return next((end for end in ends if end in _ENDINGS), "")


def format_of(name: str, asked: str | None = None, images: bool = False) -> str | None:
    """Return the format in which to read a file; None if it is not to be read.

    Parameters
    ----------
    name : str
        The name of the file, whose extension decides.
    asked : str, optional
        A requested format: it also applies to files with an unknown extension, and a text format
        (csv, jsonl, text, lines) to all text files. Other files are never read as text.
    images : bool
        Whether pictures are read.
    """
    found = _ENDINGS.get(_ending(name))
    found = None if found == IMAGE and not images else found
    if asked is None or asked == found:
        return found
    if found is None:
        return asked
    return asked if asked in _TEXTS and found in _TEXT_FILES else None


def delimiter_of(name: str) -> str:
    """Return the usual delimiter of a CSV file by its extension."""
    return "\t" if _ending(name).startswith(".tsv") else ","


def stem_of(name: str) -> str:
    """Return a file name without the extensions of format and compression."""
    ending = _ending(name)
    stem = name[: -len(ending)] if ending else name
    return _CODECS.sub("", stem) or name


@lru_cache(maxsize=1 << 16)
def part_stem(name: str) -> str:
    """Return the stem without numbers and UUIDs, which is the same for all parts of one table."""
    stem = stem_of(name)
    if len(stem) >= _UUID_LETTERS:
        stem = _UUID.sub("", stem)
    if "-c" in stem:
        stem = _TASK.sub("", stem)
    return _MARKS.sub("-", _DIGITS.sub("", stem)).strip("-")


def is_part_name(name: str) -> bool:
    """Return whether a name is only a number, as in ``part-00000-<uuid>.snappy.parquet``."""
    return part_stem(name).lower() in _GENERIC and part_stem(name) != stem_of(name)
