"""Pictures and scanned pages: the text that OCR reads, if it is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rai_scale.errors import NotReadError
from rai_scale.tables.documents.work import Entry, Row, Work, blocks
from rai_scale.tables.images.kinds import open_book
from rai_scale.tables.images.options import ImageLimits
from rai_scale.tables.images.reading import read_page
from rai_scale.tables.images.tesseract import Word

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURE = "picture: not a supported format"
_MARGIN = 0.5


def read_picture(entry: Entry, work: Work) -> Iterator[Row]:
    """Yield the text of each page or frame; the attributes of a DICOM file are not read."""
    if work.limits.images is None:
        raise NotReadError(PICTURE)
    limits = ImageLimits(max_bytes=work.limits.max_bytes)
    book = open_book(entry.stream, limits, work.limits.images.dpi, b"")
    for number, page in enumerate(book.pages(), 1):
        yield from blocks((f"page {number}", text) for text in page_texts(page, work))


def page_texts(page: Image, work: Work) -> Iterator[str]:
    """Yield the text of a picture, once for each reading."""
    ocr, seconds = work.limits.images, work.limits.max_seconds
    if ocr is None:
        raise NotReadError(PICTURE)
    began = time.monotonic()
    work.renew()
    readings = read_page(page, ocr, lambda: seconds - (time.monotonic() - began) - _MARGIN)
    work.renew()
    yield from (_text(words) for words in readings)


def _text(words: list[Word]) -> str:
    lines: dict[tuple[int, int, int], list[str]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word.text)
    return "\n".join(" ".join(line) for line in lines.values())
