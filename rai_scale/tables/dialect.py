"""How a text file is written: encoding, and for CSV delimiter and header, told by its beginning.

Nothing here is certain. What was decided is kept in a :class:`Dialect` and shown; where the signs
are weak, ``doubts`` say so; what is asked for (:class:`Asked`) wins.
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

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.tables.header import CLEARLY, MOSTLY, Header, header_of, modal

HEAD_BYTES = 1 << 18
UTF8 = "utf-8-sig"
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_RECORDS, _LINES = 200, 20

NO_SURE_HEADER = (
    "nothing shows that its first line is a header; it was searched as data too, and its names are "
    "not shown (say header: true or false under csv)"
)
"""Said of a file whose first line was taken for a header all the same."""

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
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


class NoTextError(ValueError):
    """A file that is named like a text holds something else."""


@dataclass(frozen=True)
class Asked:
    """What a user says of CSV files; None is to be found out."""

    delimiter: str | None = None
    encoding: str | None = None
    header: bool | None = None


@dataclass(frozen=True)
class Dialect:
    """How one file is read; ``names`` are the columns of a CSV file, unique.

    ``document`` is a JSON file that is one array or object, and not a document per line. Without
    a ``sure_header`` the names may be values.
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
        """Whether the bytes are UTF-8, as every reader takes them."""
        return self.encoding == UTF8


def check_asked(asked: Mapping[str, Mapping[str, object]]) -> dict[str, Asked]:
    """Check what is said per pattern of file names.

    Raises
    ------
    ConfigError
        For an unknown key, an encoding that Python does not know, or a delimiter of more than one
        character.
    """
    known = ("delimiter", "encoding", "header")
    checked = {}
    for pattern, said in asked.items():
        for key in said:
            if key not in known:
                raise ConfigError(
                    f"csv: unknown key {key!r} for {pattern!r}.{did_you_mean(key, known)}"
                )
        one = Asked(**said)  # type: ignore[arg-type]
        if one.delimiter is not None and (len(one.delimiter) != 1 or one.delimiter in '"\r\n'):
            raise ConfigError(f"csv: the delimiter for {pattern!r} must be one character.")
        try:
            codecs.lookup(one.encoding or UTF8)
        except LookupError:
            raise ConfigError(f"csv: unknown encoding {one.encoding!r} for {pattern!r}.") from None
        checked[pattern] = one
    return checked


def asked_for(path: str, asked: Mapping[str, Asked]) -> Asked:
    """Return what is said of a file; the first pattern that fits its path or name."""
    return next((said for pattern, said in asked.items() if fits(path, pattern)), Asked())


def fits(path: str, pattern: str) -> bool:
    """Return whether a pattern fits the path of a file in its lake, or its name."""
    return fnmatchcase(path, pattern) or fnmatchcase(path.rsplit("/", 1)[-1], pattern)


def check_fit(asked: Mapping[str, Asked], paths: Sequence[str]) -> None:
    """Raise :class:`ConfigError` for a pattern that fits none of the CSV files: it says nothing."""
    for pattern in asked:
        if not any(fits(path, pattern) for path in paths):
            raise ConfigError(
                f"csv: no CSV file of the source fits {pattern!r}.{did_you_mean(pattern, paths)}"
            )


def encoding_of(head: bytes) -> str:
    """Tell the encoding of a text from its first bytes: a byte order mark, UTF-8, or Windows-1252.

    A text in which most characters beyond ASCII are sound UTF-8 is UTF-8, also where some bytes
    are damaged: as Windows-1252 every name in it would be misread.

    Raises
    ------
    NoTextError
        If it is no text.
    """
    for mark, name in _BOMS.items():
        if head.startswith(mark):
            return name
    if _NO_TEXT.match(head) or len(_CONTROL.findall(head)) > max(8, len(head) // 20):
        wide = _wide(head)
        if wide is None:
            raise NoTextError
        return wide
    sound, damaged = _beyond_ascii(head)
    return UTF8 if sound >= damaged else "cp1252"


def encoding_doubts(head: bytes, encoding: str) -> tuple[str, ...]:
    """Say what is doubtful about an encoding that :func:`encoding_of` told."""
    if encoding == "cp1252":
        return ("it is not UTF-8 and was read as Windows-1252",)
    if encoding == UTF8 and _beyond_ascii(head)[1]:
        return ("some of its bytes are not UTF-8 and are shown as \ufffd",)
    return ()


def _beyond_ascii(head: bytes) -> tuple[int, int]:
    """Count the characters beyond ASCII that are UTF-8, and the places that are not."""
    if head.isascii():
        return 0, 0
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head)
    damaged = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", "ignore")) - damaged, damaged


def _wide(head: bytes) -> str | None:
    """Return the kind of UTF-16 without a mark in which mostly ASCII is written."""
    for name, at in (("utf-16-le", 1), ("utf-16-be", 0)):
        zeros, others = head[at::2].count(0), head[1 - at :: 2].count(0)
        if zeros > 0.7 * (len(head) // 2) and not others:
            return name
    return None


def csv_dialect(head: bytes, whole: bool, delimiter: str, asked: Asked) -> Dialect:
    """Tell how a CSV file is written from its first bytes.

    Parameters
    ----------
    head : bytes
    whole : bool
        Whether ``head`` is the whole file.
    delimiter : str
        The usual one for files of this name; kept unless another fits better.
    asked : Asked
    """
    encoding = asked.encoding or encoding_of(head)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head).removeprefix("\ufeff")
    choices = [asked.delimiter] if asked.delimiter else [delimiter, *DELIMITERS]
    parsed = {c: _records(text, c, whole) for c in dict.fromkeys(choices)}
    scores = {c: _score(records) for c, records in parsed.items()}
    best = max(scores, key=lambda c: (scores[c], c == choices[0]))
    if scores[best] < max(MOSTLY, scores[choices[0]] + 0.05):
        best = choices[0]
    records = parsed[best]
    doubts: list[str] = []
    if not asked.encoding:
        doubts += encoding_doubts(head, encoding)
    if not asked.delimiter and any(len(r) > 1 for r in records) and scores[best] < CLEARLY:
        doubts.append("its lines do not have the same number of fields")
    header = asked.header
    told = header_of(records) if records and header is None else Header.YES
    if header is None:
        header = told is not Header.NO
        if not header:
            doubts.append("no header was recognised, and its columns are numbered")
    if told is Header.DOUBTFUL:
        doubts.append(NO_SURE_HEADER)
    names = records[0] if header and records else ()
    if not header:
        names = [f"column_{i}" for i in range(1, modal(records)[0] + 1)]
    return Dialect(
        encoding,
        best,
        header,
        tuple(names),
        doubts=tuple(doubts),
        sure_header=told is not Header.DOUBTFUL,
    )


def _records(text: str, delimiter: str, whole: bool) -> list[list[str]]:
    records: list[list[str]] = []
    cut = not whole
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if record:
                records.append(record)
            if len(records) == _RECORDS:
                cut = False
                break
    except csv.Error:  # a field longer than Python's limit, most likely a lost quote
        cut = False
    return records[:-1] if cut and len(records) > 1 else records


def _score(records: Sequence[Sequence[str]]) -> float:
    """Return how evenly a delimiter cuts the lines, from 0 to 1; the first counts for half."""
    fields, often = modal(records)
    if fields < 2:  # noqa: PLR2004
        return 0.0
    return often / len(records) * (1.0 if len(records[0]) == fields else 0.5)


def document_of(head: bytes, encoding: str) -> bool:
    """Whether a JSON file is an array, or objects of several lines, and not an object per line."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    text = text.removeprefix("\ufeff").lstrip()
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
