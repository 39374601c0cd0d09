"""How images are read: the options of OCR, and limits on the work for one file."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from rai_scale.errors import OptionError

_LANGUAGES = re.compile(r"[A-Za-z_]+(\+[A-Za-z_]+)*")


@dataclass(frozen=True)
class ImageLimits:
    """Limits for each image file.

    A file that exceeds a limit is not read, with the limit as the reason.

    Parameters
    ----------
    max_bytes : int
        Largest size of a file (256 MiB).
    max_pixels : int
        Most pixels of a page or frame (100 million), checked before it is decoded.
    max_pages : int
        Most pages or frames of a file.
    max_seconds : float
        Longest time for one page or frame.
    max_memory : int
        Most memory in bytes that the process that reads a file may allocate (2 GiB; Linux only).

    Raises
    ------
    OptionError
        If a limit is not positive.
    """

    max_bytes: int = 256 << 20
    max_pixels: int = 100_000_000
    max_pages: int = 1_000
    max_seconds: float = 60
    max_memory: int = 2 << 30

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise OptionError(f"limits: {field.name} must be a positive number.")


@dataclass(frozen=True)
class Ocr:
    """How text in images is read, by Tesseract.

    Parameters
    ----------
    language : str
        Tesseract's name of the language of the text; several are joined by ``+`` (``eng+deu``).
        Its data must be installed (Debian: ``tesseract-ocr-deu``).
    dpi : int
        Dots per inch at which the pages of a PDF are rendered.
    thorough : bool
        Whether each page is read in all four directions and also enlarged. It takes about six
        times as long, and finds turned or small text next to upright text. By default a page is
        read again only if its first reading is doubtful.

    Raises
    ------
    OptionError
        If an option is invalid.
    """

    language: str = "eng"
    dpi: int = 200
    thorough: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.language, str) or not _LANGUAGES.fullmatch(self.language):
            raise OptionError("ocr: language must be a name such as 'eng', or several: 'eng+deu'.")
        least, most = 50, 1200
        if (
            isinstance(self.dpi, bool)
            or not isinstance(self.dpi, int)
            or not least <= self.dpi <= most
        ):
            raise OptionError(f"ocr: dpi must be an integer from {least} to {most}.")
        if not isinstance(self.thorough, bool):
            raise OptionError("ocr: thorough must be true or false.")


DEFAULT_OCR = Ocr()
DEFAULT_IMAGE_LIMITS = ImageLimits()
