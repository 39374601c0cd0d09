"""Text files, read by lines or as whole files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import pyarrow as pa

from rai_scale.tables.column_names import text_schema
from rai_scale.tables.dialect import HEAD_BYTES, UTF8, NoTextError, TextDialect, encoding_of
from rai_scale.tables.readers.arrow import Piece, Scan, conform, partition_values, pieces_of, select
from rai_scale.tables.source import TableSource

_PIECE_BYTES = 32 << 20
_SMALL = 8 << 20
_BATCH_LINES = 10_000
_BOM = b"\xef\xbb\xbf"
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"\s*")
TEXT_SCHEMA = text_schema(["path", "text"])


def decode_line(line: bytes) -> str:
    """Decode a line without its line end; bytes that are not UTF-8 become U+FFFD."""
    return line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")


def scan_lines(source: TableSource) -> Scan:
    """Plan pieces of about 32 MB; a compressed file is one piece."""
    schema = text_schema(["text", *source.partition_columns])
    pieces: list[Piece] = []
    for piece, file in zip(pieces_of(source), source.files, strict=True):
        if file.path.endswith(".gz") or is_whole(file.dialect):
            pieces.append(piece)
        else:
            starts = range(0, max(file.size, 1), _PIECE_BYTES)
            pieces += [replace(piece, start=s, end=s + _PIECE_BYTES, first_row=s) for s in starts]
    return Scan(LinesReader(schema), tuple(pieces))


@dataclass(frozen=True)
class LinesReader:
    """Reads the lines that start in bytes ``[start, end)`` of a file."""

    schema: pa.Schema

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield batches; see :class:`~rai_scale.tables.readers.arrow.Reader`."""
        target = select(self.schema, columns)
        values = partition_values(piece.relative)
        lines: Iterator[str]
        if piece.dialect is not None and is_whole(piece.dialect):
            with piece.file.open() as stream:
                lines = whole_lines(stream.read(), piece.dialect)
        else:
            small = _lines_in_memory(piece)
            lines = map(decode_line, _lines(piece)) if small is None else iter(small)
        while batch := list(islice(lines, _BATCH_LINES)):
            text = pa.array(batch, pa.string())
            yield conform(pa.table({"text": text}), target, values)


def is_whole(dialect: TextDialect | None) -> bool:
    """Return whether a file must be read in one piece: it is one document, or not UTF-8."""
    return dialect is not None and (dialect.document or not dialect.plain)


def whole_lines(content: bytes, dialect: TextDialect) -> Iterator[str]:
    """Yield the lines of a file, or the documents of a JSON file with several lines each."""
    text = content.decode(dialect.encoding, "replace").removeprefix("\ufeff")
    if dialect.document:
        return documents(text)
    lines = text.split("\n")
    return (line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1]))


def documents(text: str) -> Iterator[str]:
    """Yield the text of each value in a JSON text; of an array, the text of each element.

    Text that cannot be parsed is yielded up to the end of its line.
    """
    at = _SPACE.match(text).end()  # type: ignore[union-attr]
    inside = False
    while at < len(text):
        if not inside and text[at] == "[":
            at, inside = at + 1, True
        elif inside and text[at] in ",]":
            at, inside = at + 1, text[at] == ","
        else:
            try:
                _, end = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError):
                end = text.find("\n", at)
                end = len(text) if end < 0 else end
            yield text[at:end]
            at = end
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]


def _lines_in_memory(piece: Piece) -> list[str] | None:
    """Return the lines of a small file; None if it is large, or not all of it is UTF-8."""
    content = None if piece.start else piece.file.small_content(min(_SMALL, piece.end or _SMALL))
    if content is None:
        return None
    try:
        text = content.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        return None
    lines = text.split("\n")
    lines = lines if lines[-1] else lines[:-1]
    return [line.removesuffix("\r") for line in lines] if "\r" in text else lines


def _lines(piece: Piece) -> Iterator[bytes]:
    with piece.file.open() as stream:
        at = piece.start
        if at:  # a line belongs to the piece in which it starts
            stream.seek(at - 1)
            at += len(stream.readline()) - 1
        for line in stream:
            if piece.end is not None and at >= piece.end:
                return
            yield line.removeprefix(_BOM) if at == 0 else line
            at += len(line)


def scan_text(source: TableSource) -> Scan:
    """Plan one piece, which is one row, per file."""
    return Scan(TextReader(), tuple(pieces_of(source)))


@dataclass(frozen=True)
class TextReader:
    """Reads a file as one row: ``path`` (relative to the folder of the table) and ``text``."""

    schema: pa.Schema = TEXT_SCHEMA

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield one row; see :class:`~rai_scale.tables.readers.arrow.Reader`."""
        with piece.file.open() as stream:
            table = decode_files([piece.relative], [stream.read()])
        yield table.select(list(columns)) if columns is not None else table


def decode_files(paths: list[str], contents: list[bytes]) -> pa.Table:
    """Return the columns path and text; byte order marks are removed."""
    texts = [_decode(content) for content in contents]
    return pa.table({"path": paths, "text": texts}, schema=TEXT_SCHEMA)


def _decode(content: bytes) -> str:
    try:
        encoding = encoding_of(content[:HEAD_BYTES])
    except NoTextError:  # the file was checked when it was found, and has changed since
        encoding = UTF8
    return content.decode(encoding, "replace").removeprefix("\ufeff")
