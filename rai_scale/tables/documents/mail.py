"""E-mails in the format of the Internet (.eml, .mht): headers, bodies and attachments."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_binary_file
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from mimetypes import guess_extension
from typing import Any

from rai_scale.errors import NotReadError
from rai_scale.tables.dialect import HEAD_BYTES, NoTextError, encoding_of
from rai_scale.tables.documents.work import Entry, Row, Work, blocks

_NO_MIME = "This is a multi-part message in MIME format."
_INCOMPLETE = {"InvalidBase64PaddingDefect", "InvalidBase64LengthDefect"}
_INCOMPLETE |= {"CloseBoundaryNotFoundDefect", "StartBoundaryNotFoundDefect"}


def read_mail(entry: Entry, work: Work) -> Iterator[Row | Entry]:
    """Yield the headers and the text of a message, and its attachments."""
    if entry.size() > work.limits.max_bytes:
        raise NotReadError("larger than max_bytes")
    yield from _message(message_from_binary_file(entry.stream), entry, work)


def _message(message: Message, entry: Entry, work: Work) -> Iterator[Row | Entry]:
    for number, part in enumerate(message.walk(), 1):
        if number == 1 or any(part.get(name) for name in ("From", "To", "Subject")):
            yield from blocks(("headers", f"{k}: {_header(v)}") for k, v in part.items())
        elif part.get("Content-Description"):
            yield from blocks([("headers", _header(part["Content-Description"]))])
        if part.is_multipart():
            beside = [str(t) for t in (part.preamble, part.epilogue) if t and t.strip() != _NO_MIME]
            yield from blocks(("beside the parts", text) for text in beside)
            work.reasons.update(_defects(part))
            continue
        content = part.get_payload(decode=True)
        content = content if isinstance(content, bytes) else b""
        work.reasons.update(_defects(part))
        name = part.get_filename()
        kind = part.get_content_type()
        if kind == "text/plain" and not name:
            text = _decoded(content, part.get_content_charset())
            yield from blocks((f"body line {n}", t) for n, t in enumerate(text.split("\n"), 1))
        elif content.strip():
            shown = _header(name) if name else f"part {number}{guess_extension(kind) or ''}"
            yield entry.inner(shown, content, work)


def _defects(part: Message) -> set[str]:
    found = {type(defect).__name__ for defect in part.defects}
    return {"a part of the message is incomplete"} if found & _INCOMPLETE else set()


def _header(value: Any) -> str:
    try:
        return " ".join(str(make_header(decode_header(value))).split())
    except (HeaderParseError, LookupError, ValueError):
        return str(value)


def _decoded(content: bytes, charset: str | None) -> str:
    try:
        return content.decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        pass
    try:
        return content.decode(encoding_of(content[:HEAD_BYTES]), "replace")
    except NoTextError:
        return content.decode("utf-8", "replace")
