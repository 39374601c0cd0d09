"""How a text file is written: its encoding and, for CSV, delimiter and header.

All of this is guessed from the first bytes of the file. The result is a :class:`TextDialect`, which
is shown to the user, with ``doubts`` if the evidence is weak. What the user specifies
(:class:`CsvOptions`) is not guessed.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.tables.encodings import legacy_encoding
from rai_scale.tables.header import CLEARLY, MOSTLY, Header, header_of, modal

HEAD_BYTES = 1 << 18
UTF8 = "utf-8-sig"
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_RECORDS, _LINES = 200, 20
_CLEARER = 0.05
"""How much more evenly than the usual delimiter another one must split the lines."""

NO_SURE_HEADER = (
    "nothing shows that its first line is a header; it was searched as data too, and its names are "
    "not shown (set header: true or false under csv)"
)
"""The doubt about a file whose first line is read as a header without evidence."""

_BOMS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: UTF8,
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_TEXT = re.compile(
    rb"%PDF-|PK\x03\x04|\x1f\x8b|PAR1|Obj\x01|ORC|\xd0\xcf\x11\xe0|SQLite format 3|\x89PNG"
    rb"|\xff\xd8\xff|GIF8|BZh|7z\xbc\xaf|\xfd7zXZ|\x28\xb5\x2f\xfd|ARROW1"
)
_CONTROL = bytes({*range(0x20)} - {*range(0x09, 0x0E), 0x1B})


class NoTextError(ValueError):
    """A file with the name of a text file contains something else."""


@dataclass(frozen=True)
class CsvOptions:
    """What a user specifies about CSV files; None is guessed."""

    delimiter: str | None = None
    encoding: str | None = None
    header: bool | None = None


@dataclass(frozen=True)
class TextDialect:
    """How a text file is written.

    Attributes
    ----------
    encoding : str
        A codec of Python.
    delimiter : str
        Of a CSV file, as are ``header``, ``names`` and ``sure_header``.
    header : bool
        Whether the first line has the names of the columns.
    names : tuple of str
        The columns; unique.
    document : bool
        Whether a JSON file is one array or object, and not one document per line.
    doubts : tuple of str
        One sentence for each guess with weak evidence.
    sure_header : bool
        If False, the names of the columns may be values.
    """

    encoding: str = UTF8
    delimiter: str = ","
    header: bool = True
    names: tuple[str, ...] = ()
    document: bool = False
    doubts: tuple[str, ...] = ()
    sure_header: bool = True

    @property
    def plain(self) -> bool:
        """Whether the file is UTF-8, which every reader supports."""
        return self.encoding == UTF8


def check_csv_options(asked: Mapping[str, Mapping[str, object]]) -> dict[str, CsvOptions]:
    """Check the options for CSV files.

    Parameters
    ----------
    asked : mapping of str to mapping
        The options delimiter, encoding and header by pattern of file names.

    Raises
    ------
    ConfigError
        For an unknown option, an encoding that Python does not have, or a delimiter of more than
        one character.
    """
    known = ("delimiter", "encoding", "header")
    checked = {}
    for pattern, options in asked.items():
        for key in options:
            if key not in known:
                hint = did_you_mean(key, known)
                raise ConfigError(f"csv: unknown key {key!r} for {pattern!r}.{hint}")
        one = CsvOptions(**options)  # type: ignore[arg-type]
        if one.delimiter is not None and (len(one.delimiter) != 1 or one.delimiter in '"\r\n'):
            raise ConfigError(f"csv: the delimiter for {pattern!r} must be one character.")
        try:
            codecs.lookup(one.encoding or UTF8)
        except LookupError:
            raise ConfigError(f"csv: unknown encoding {one.encoding!r} for {pattern!r}.") from None
        checked[pattern] = one
    return checked


def csv_options_for(path: str, asked: Mapping[str, CsvOptions]) -> CsvOptions:
    """Return the options for a file: those of the first pattern that matches its path or name."""
    return next((found for pattern, found in asked.items() if fits(path, pattern)), CsvOptions())


def fits(path: str, pattern: str) -> bool:
    """Return whether a pattern matches the path of a file in its lake, or its name."""
    return fnmatchcase(path, pattern) or fnmatchcase(path.rsplit("/", 1)[-1], pattern)


def check_fit(asked: Mapping[str, CsvOptions], paths: Sequence[str]) -> None:
    """Raise :class:`ConfigError` for a pattern that matches none of the paths of CSV files."""
    for pattern in asked:
        if not any(fits(path, pattern) for path in paths):
            raise ConfigError(
                f"csv: no CSV file of the source matches {pattern!r}.{did_you_mean(pattern, paths)}"
            )


def encoding_of(head: bytes) -> str:
    """Guess the encoding of a text: that of its byte order mark, UTF-8, or one of before Unicode.

    A text in which most characters beyond ASCII are valid UTF-8 is read as UTF-8, even if some
    bytes are damaged: as Windows-1252, every name in it would be misread.

    Parameters
    ----------
    head : bytes
        The first bytes of the file.

    Raises
    ------
    NoTextError
        If they are not text.
    """
    for mark, name in _BOMS.items():
        if head.startswith(mark):
            return name
    if _NO_TEXT.match(head) or _controls(head) > max(8, len(head) // 20):
        wide = _wide(head)
        if wide is None:
            raise NoTextError
        return wide
    valid, damaged = _beyond_ascii(head)
    return UTF8 if valid >= damaged else legacy_encoding(head)


def _controls(head: bytes) -> int:
    """Return how many bytes are control characters that no text has."""
    return len(head) - len(head.translate(None, _CONTROL))


def encoding_doubts(head: bytes, encoding: str) -> tuple[str, ...]:
    """Return the doubts about an encoding that :func:`encoding_of` guessed."""
    if encoding not in (UTF8, *_BOMS.values()) and not encoding.startswith("utf-16"):
        name = "Windows-1252" if encoding == "cp1252" else encoding
        return (f"it is not UTF-8 and was read as {name}",)
    if encoding == UTF8 and _beyond_ascii(head)[1]:
        return ("some of its bytes are not UTF-8 and are shown as \ufffd",)
    return ()


def _beyond_ascii(head: bytes) -> tuple[int, int]:
    """Count the valid UTF-8 characters beyond ASCII, and the places that are not valid UTF-8."""
    if head.isascii():
        return 0, 0
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head)
    damaged = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", "ignore")) - damaged, damaged


def _wide(head: bytes) -> str | None:
    """Return the byte order of UTF-16 without a mark, if the text is mostly ASCII."""
    for name, at in (("utf-16-le", 1), ("utf-16-be", 0)):
        zeros, others = head[at::2].count(0), head[1 - at :: 2].count(0)
        if zeros > 0.7 * (len(head) // 2) and not others:
            return name
    return None


def csv_dialect(head: bytes, whole: bool, delimiter: str, asked: CsvOptions) -> TextDialect:
    """Guess how a CSV file is written.

    Parameters
    ----------
    head : bytes
        The first bytes of the file.
    whole : bool
        Whether ``head`` is the whole file.
    delimiter : str
        The usual delimiter for files of this name; kept unless another matches better.
    asked : CsvOptions
        What the user specifies.
    """
    encoding = asked.encoding or encoding_of(head)
    text = _text_of(head, encoding)
    usual = asked.delimiter or delimiter
    parsed = {usual: _records(text, usual, whole)}
    scores = {usual: _score(parsed[usual])}
    if not asked.delimiter and scores[usual] + _CLEARER <= 1:  # else none can be clearer
        others = [c for c in DELIMITERS if c != usual and c in text]
        parsed |= {c: _records(text, c, whole) for c in others}
        scores |= {c: _score(parsed[c]) for c in others}
    best = max(scores, key=lambda c: (scores[c], c == usual))
    if scores[best] < max(MOSTLY, scores[usual] + _CLEARER):
        best = usual
    records = parsed[best]
    doubts: list[str] = []
    if not asked.encoding:
        doubts += encoding_doubts(head, encoding)
    if not asked.delimiter and any(len(r) > 1 for r in records) and scores[best] < CLEARLY:
        doubts.append("its lines do not have the same number of fields")
    header = asked.header
    guess = header_of(records) if records and header is None else Header.YES
    if header is None:
        header = guess is not Header.NO
        if not header:
            doubts.append("no header was recognised, and its columns are numbered")
    if guess is Header.DOUBTFUL:
        doubts.append(NO_SURE_HEADER)
    names = records[0] if header and records else ()
    if not header:
        names = [f"column_{i}" for i in range(1, modal(records)[0] + 1)]
    sure = guess is not Header.DOUBTFUL
    return TextDialect(encoding, best, header, tuple(names), doubts=tuple(doubts), sure_header=sure)


def _text_of(head: bytes, encoding: str) -> str:
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    return text.removeprefix("\ufeff")


def _records(text: str, delimiter: str, whole: bool) -> list[list[str]]:
    records: list[list[str]] = []
    found = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        records.extend(islice(filter(None, found), _RECORDS))
        partial = not whole and len(records) < _RECORDS  # the last record may be incomplete
    except csv.Error:  # a field longer than Python's limit, probably because of a missing quote
        partial = False
    return records[:-1] if partial and len(records) > 1 else records


def _score(records: Sequence[Sequence[str]]) -> float:
    """Return how evenly a delimiter splits the lines (0 to 1); halved if the first differs."""
    fields, often = modal(records)
    if fields < 2:  # noqa: PLR2004
        return 0.0
    return often / len(records) * (1.0 if len(records[0]) == fields else 0.5)


def document_of(head: bytes, encoding: str) -> bool:
    """Return whether a JSON file is an array, or has objects over several lines."""
    text = _text_of(head, encoding).lstrip()
    if not text.startswith(("[", "{")):
        return False
    lines = [line for line in text.split("\n")[:_LINES] if line.strip()]
    if len(lines) == 1 and text.startswith("{"):
        return False
    return 2 * sum(map(_is_object, lines)) < len(lines)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
