"""The kind of an image file, by its first bytes, and the class that reads each kind."""

from __future__ import annotations

from typing import BinaryIO

from rai_scale.errors import NotReadError
from rai_scale.tables.images.book import Book
from rai_scale.tables.images.dicom import Dicom
from rai_scale.tables.images.options import ImageLimits
from rai_scale.tables.images.pdf_pages import PdfPages
from rai_scale.tables.images.pictures import Pictures

_MARKS = (
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"GIF87a", "picture"),
    (b"GIF89a", "picture"),
    (b"II*\0", "picture"),
    (b"MM\0*", "picture"),
    (b"II+\0", "picture"),
    (b"MM\0+", "picture"),
    (b"BM", "picture"),
)
_HEAD = 1024


def kind_of_image(head: bytes) -> str:
    """Return ``picture``, ``pdf`` or ``dicom`` by the first bytes of a file.

    Raises
    ------
    NotReadError
        If it is empty or of another kind.
    """
    if not head:
        raise NotReadError("empty")
    if head[128:132] == b"DICM":
        return "dicom"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "picture"
    if b"%PDF-" in head[:_HEAD]:
        return "pdf"
    for mark, kind in _MARKS:
        if head.startswith(mark):
            return kind
    raise NotReadError("unknown kind of file")


def open_book(stream: BinaryIO, limits: ImageLimits, dpi: int, secret: bytes) -> Book:
    """Open an image file.

    Parameters
    ----------
    stream : BinaryIO
        Seekable.
    limits : ImageLimits
    dpi : int
        At which PDF pages are rendered.
    secret : bytes
        The key by which identifiers of DICOM files are replaced.

    Raises
    ------
    NotReadError
        If it is not an image, or exceeds a limit; other errors mean that it is damaged.
    """
    stream.seek(0)
    kind = kind_of_image(stream.read(_HEAD))
    size = stream.seek(0, 2)
    stream.seek(0)
    if size > limits.max_bytes:
        raise NotReadError("larger than max_bytes")
    if kind == "pdf":
        return PdfPages(stream, limits, dpi)
    if kind == "dicom":
        return Dicom(stream, limits, secret)
    return Pictures(stream, limits)
