"""Reads an image file in a process of its own, which also paints over what it is told to.

The process sends the words of each page as JSON, gets boxes back, and at last sends the new file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from rai_scale.errors import ConfigError, MissingExtraError, NotReadError
from rai_scale.tables.documents.child import CONTENT, Channel, seekable_file
from rai_scale.tables.documents.process import ask
from rai_scale.tables.images.book import Book, Box
from rai_scale.tables.images.kinds import open_book
from rai_scale.tables.images.options import ImageLimits, Ocr
from rai_scale.tables.images.reading import Reading, read_page
from rai_scale.tables.images.tesseract import Word

_MARGIN = 0.5
"""Seconds by which Tesseract is ended before the process that waits for it."""


@dataclass(frozen=True)
class PageWords:
    """The words of a page.

    Attributes
    ----------
    number : int
        From 1.
    readings : list of list of Word
        The words of each reading by OCR.
    known : dict of str to str
        Words that are personal because the file itself names them (see ``plain_word``).
    """

    number: int
    readings: list[Reading]
    known: dict[str, str]


@dataclass(frozen=True)
class ImageRequest:
    """Which file to read, and how.

    Attributes
    ----------
    path : str
        The path or address of the file.
    ocr : Ocr
    limits : ImageLimits
    secret : bytes
        The key by which identifiers of DICOM files are replaced.
    """

    path: str
    ocr: Ocr
    limits: ImageLimits
    secret: bytes = field(repr=False)

    def answer(self, channel: Channel) -> str:
        """Redact the file; returns why it was not read, or an empty text."""
        try:
            with seekable_file(self.path) as (_, stream):
                book = open_book(stream, self.limits, self.ocr.dpi, self.secret)
                _redact(book, self.ocr, channel)
        except Exception as error:
            return _why(error)
        return ""


_NO_PACKAGE, _NO_PROGRAM = "no package ", "no program "


def _why(error: Exception) -> str:
    """Return why a file was not read, or what is missing on this machine."""
    if isinstance(error, NotReadError):
        return str(error)
    if isinstance(error, ConfigError):
        return f"{_NO_PROGRAM}{error}"
    if isinstance(error, ModuleNotFoundError):
        return f"{_NO_PACKAGE}{error.name}"
    if isinstance(error, MemoryError):
        return "needs more memory than max_memory"
    return f"damaged ({type(error).__name__})"  # every library has its own errors


def _redact(book: Book, ocr: Ocr, channel: Channel) -> None:
    for number, page in enumerate(book.pages(), 1):
        readings = read_page(page, ocr, lambda: channel.clock.left() - _MARGIN)
        words = [[asdict(word) for word in words] for words in readings]
        question = {"number": number, "readings": words, "known": dict(book.known)}
        book.paint([tuple(box) for box in json.loads(channel.ask(json.dumps(question).encode()))])
        channel.clock.renew()
    channel.put(CONTENT, book.content())


def redact_image(request: ImageRequest, find: Callable[[PageWords], list[Box]]) -> bytes:
    """Return a new file with parts of its pages painted over.

    Parameters
    ----------
    request : ImageRequest
    find : callable
        Returns the boxes to paint over on a page, in pixels.

    Returns
    -------
    bytes
        Of the same kind of file, with nothing but the painted pages; a DICOM file also keeps the
        attributes that the Basic Profile keeps.

    Raises
    ------
    NotReadError
        If the file was not read as a whole; the reason has no value of the file.
    ConfigError, MissingExtraError
        If Tesseract or a package is not installed.
    """

    def reply(question: bytes) -> bytes:
        return json.dumps(find(_page(json.loads(question)))).encode()

    *content, why = ask(request, reply)
    if why.startswith(_NO_PACKAGE):
        raise MissingExtraError(why.removeprefix(_NO_PACKAGE), "images")
    if why.startswith(_NO_PROGRAM):
        raise ConfigError(why.removeprefix(_NO_PROGRAM))
    if why or not content:
        raise NotReadError(why or "damaged")
    return bytes(content[0])


def _page(facts: dict[str, Any]) -> PageWords:
    readings = [
        [Word(**{**word, "line": tuple(word["line"])}) for word in words]
        for words in facts["readings"]
    ]
    return PageWords(facts["number"], readings, facts["known"])
