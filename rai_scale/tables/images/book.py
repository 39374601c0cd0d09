"""What the kinds of image files share: pages are read one by one, painted over, and kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO

from rai_scale.tables.documents.work import NotReadError
from rai_scale.tables.images.options import ImageLimits

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""


class Book(ABC):
    """An opened image file with one or more pages or frames."""

    known: Mapping[str, str] = {}
    """Words that are personal because the file itself names them, with their types."""

    @abstractmethod
    def pages(self) -> Iterator[Image]:
        """Yield each page; :meth:`paint` is called before the next one."""

    @abstractmethod
    def paint(self, boxes: list[Box]) -> None:
        """Fill boxes of the current page with black, and keep the page."""

    @abstractmethod
    def content(self) -> bytes:
        """Return the new file, which holds the painted pages and nothing else."""


def check_pixels(size: tuple[int, int], limits: ImageLimits) -> None:
    """Raise :class:`NotReadError` if a page has too many pixels."""
    if size[0] * size[1] > limits.max_pixels:
        raise NotReadError("a page has more pixels than max_pixels")


def check_pages(count: int, limits: ImageLimits) -> None:
    """Raise :class:`NotReadError` if there are too many pages, or none."""
    if count > limits.max_pages:
        raise NotReadError("has more pages than max_pages")
    if count < 1:
        raise NotReadError("has no pages")


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
        from rai_scale.tables.images.pdf_pages import PdfPages

        return PdfPages(stream, limits, dpi)
    if kind == "dicom":
        from rai_scale.tables.images.dicom import Dicom

        return Dicom(stream, limits, secret)
    from rai_scale.tables.images.pictures import Pictures

    return Pictures(stream, limits)
