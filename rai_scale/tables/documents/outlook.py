"""Messages of Outlook (.msg): every text property of the message, its recipients and attachments.

``olefile`` reads the container; the names of the streams are those of [MS-OXMSG].
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from rai_scale.errors import NotReadError
from rai_scale.tables.dialect import HEAD_BYTES, NoTextError, encoding_of
from rai_scale.tables.documents.work import Entry, Row, Work, blocks

_TEXT = re.compile(r"__substg1\.0_([0-9A-F]{4})(001([EF])|101([EF])-[0-9A-F]{8})")
_BODY, _HTML, _RTF, _DATA = "1000", "10130102", "10090102", "37010102"
_NAMES = {
    **{"0037": "Subject", "0C1A": "From", "0C1F": "From", "5D01": "From", "0E04": "To"},
    **{"0E03": "Cc", "0E02": "Bcc", "3001": "Name", "3003": "E-mail", "39FE": "E-mail"},
}
_PREFIX = "__substg1.0_"


def ole_streams(stream: BinaryIO) -> set[str]:
    """Return the names at the top of a compound file."""
    from olefile import OleFileIO

    try:
        with OleFileIO(stream) as container:
            return {path[0] for path in container.listdir(storages=True)}
    except OSError:
        raise NotReadError("damaged") from None
    finally:
        stream.seek(0)


def read_outlook(entry: Entry, work: Work) -> Iterator[Row | Entry]:
    """Yield the texts of a message, and its attachments."""
    from olefile import OleFileIO

    if entry.size() > work.limits.max_bytes:
        raise NotReadError("larger than max_bytes")
    with OleFileIO(entry.stream) as container:
        yield from _message(container, [], entry, work)
        if container.parsing_issues:
            work.note("damaged in places: text may be missing")


def _message(container: Any, at: list[str], entry: Entry, work: Work) -> Iterator[Row | Entry]:
    inside = [path for path in container.listdir() if path[: len(at)] == at]
    names = {path[len(at)] for path in inside if len(path) == len(at) + 1}
    read = {name: _text(container, [*at, name]) for name in sorted(names) if _tag(name)}
    body = {name: text for name, text in read.items() if _tag(name) == _BODY}
    yield from blocks(
        ("headers", f"{_NAMES.get(_tag(name), 'text')}: {text}")
        for name, text in read.items()
        if name not in body
    )
    for text in body.values():
        yield from blocks((f"body line {n}", t) for n, t in enumerate(text.split("\n"), 1))
    if _PREFIX + _HTML in names:
        html = container.openstream([*at, _PREFIX + _HTML]).read()
        yield entry.inner("body.html", html, work)
    elif _PREFIX + _RTF in names and not body:
        work.note("body in rich text: not a supported format")
    for folder in sorted({path[len(at)] for path in inside if len(path) > len(at) + 1}):
        if folder.startswith("__recip_"):
            yield from _recipient(container, [*at, folder], inside)
        elif folder.startswith("__attach_"):
            yield from _attachment(container, [*at, folder], inside, entry, work)


def _recipient(container: Any, at: list[str], paths: list[list[str]]) -> Iterator[Row]:
    own = sorted(p[-1] for p in paths if p[:-1] == at and _tag(p[-1]))
    yield from blocks(
        ("recipients", f"{_NAMES.get(_tag(n), 'text')}: {_text(container, [*at, n])}") for n in own
    )


def _attachment(
    container: Any, at: list[str], paths: list[list[str]], entry: Entry, work: Work
) -> Iterator[Row | Entry]:
    own = {p[-1] for p in paths if p[:-1] == at}
    texts = {_tag(name): _text(container, [*at, name]) for name in own if _tag(name)}
    name = texts.get("3707") or texts.get("3704") or texts.get("3001") or "attachment"
    message = [*at, _PREFIX + "3701000D"]
    if any(path[: len(message)] == message for path in paths):
        yield from _message(container, message, entry.inner(name, b"", work), work)
    elif _PREFIX + _DATA in own:
        yield entry.inner(name, container.openstream([*at, _PREFIX + _DATA]).read(), work)
    else:
        work.note("attachment that is not in the message")


def _tag(name: str) -> str:
    """Return the tag of a text property from the name of its stream; empty for other streams."""
    found = _TEXT.fullmatch(name)
    return found.group(1) if found else ""


def _text(container: Any, path: list[str]) -> str:
    content = container.openstream(path).read()
    if path[-1].partition("-")[0].endswith("F"):
        return str(content.decode("utf-16-le", "replace")).rstrip("\0")
    try:
        return str(content.decode(encoding_of(content[:HEAD_BYTES]), "replace")).rstrip("\0")
    except NoTextError:
        return str(content.decode("cp1252", "replace"))
