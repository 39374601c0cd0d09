"""Limits on the work for one file, so that no single file can stop or fill a run."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from rai_scale.errors import OptionError
from rai_scale.tables.images.options import DEFAULT_OCR, Ocr


@dataclass(frozen=True)
class DocumentLimits:
    """Limits for each document, workbook, database or archive.

    A file that exceeds a limit is reported as partly read or as not looked at, with the limit as
    the reason.

    Parameters
    ----------
    max_bytes : int
        Largest size of a file that is read as a whole, also of one within an archive or e-mail
        (256 MiB). Avro, ORC and SQLite files, text and the archives themselves are streamed.
    max_rows : int
        Most rows of text from one document or archive.
    max_depth : int
        Most levels of files within files: a letter in an archive is at level 1.
    max_files : int
        Most files within one archive or e-mail, at all levels together.
    max_unpacked : int
        Most bytes that one archive may unpack to, at all levels together (4 GiB).
    max_ratio : int
        Largest ratio of unpacked bytes to the size of the archive; the first 16 MiB are free.
    max_seconds : float
        Longest time for one document; for tables, for one batch of rows.
    max_memory : int
        Most memory in bytes that the process that reads a file may allocate (2 GiB; Linux only).
    images : Ocr, optional
        How text in pictures and scanned pages is read; by default they are not looked at.

    Raises
    ------
    OptionError
        If a limit is not positive; ``max_depth`` may be 0.
    """

    max_bytes: int = 256 << 20
    max_rows: int = 1_000_000
    max_depth: int = 4
    max_files: int = 10_000
    max_unpacked: int = 4 << 30
    max_ratio: int = 200
    max_seconds: float = 120
    max_memory: int = 2 << 30
    images: Ocr | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name == "images":
                continue
            value, least = getattr(self, field.name), 0 if field.name == "max_depth" else 1e-9
            if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
                raise OptionError(f"documents: {field.name} must be a positive number.")


DEFAULT_LIMITS = DocumentLimits()


def with_images(documents: DocumentLimits | None, images: bool | Ocr) -> DocumentLimits | None:
    """Return limits with which pictures are read; unchanged if ``images`` is false."""
    if images is False:
        return documents
    ocr = DEFAULT_OCR if images is True else images
    return replace(documents or DEFAULT_LIMITS, images=ocr)
