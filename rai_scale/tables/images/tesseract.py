"""Tesseract: a picture goes in and words come out, without files.

The library is used if it is that of the program; else the program, through pipes.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rai_scale.errors import ConfigError, NotReadError
from rai_scale.tables.images.tesseract_library import loaded_tesseract

if TYPE_CHECKING:
    from PIL.Image import Image

_WORD = "5"
_FIELDS = (
    *("level", "page_num", "block_num", "par_num", "line_num", "word_num"),
    *("left", "top", "width", "height", "conf", "text"),
)
_INSTALL = "Install Tesseract (Debian: apt-get install tesseract-ocr), on every worker."


@dataclass(frozen=True)
class Word:
    """A word that OCR has read.

    Attributes
    ----------
    text : str
    left, top, width, height : int
        Its box in pixels of the page.
    confidence : float
        From 0 to 100.
    line : tuple of int
        Numbers of its block, paragraph and line.
    """

    text: str
    left: int
    top: int
    width: int
    height: int
    confidence: float
    line: tuple[int, int, int]


def check_tesseract(language: str) -> None:
    """Raise :class:`ConfigError` if this machine cannot read text in a language."""
    missing = sorted(set(language.split("+")) - languages())
    if missing:
        raise ConfigError(
            f"ocr: Tesseract has no data for the language {', '.join(map(repr, missing))}. It has: "
            f"{', '.join(sorted(languages()))}. Debian's packages are called tesseract-ocr-deu and "
            "the like."
        )


@cache
def languages() -> frozenset[str]:
    """Return the languages that Tesseract has data for."""
    done = subprocess.run(  # noqa: S603 - a fixed command
        [_program(), "--list-langs"], capture_output=True, text=True, check=False
    )
    return frozenset(done.stdout.split("\n")[1:]) - {"", "osd"}


@cache
def program_version() -> str:
    """Return the version of Tesseract on this machine."""
    if shutil.which("tesseract") is None:
        return "not on the driver"
    done = subprocess.run(  # noqa: S603 - a fixed command
        [_program(), "--version"], capture_output=True, text=True, check=False
    )
    return done.stdout.partition("\n")[0].removeprefix("tesseract ")


@cache
def _program() -> str:
    found = shutil.which("tesseract")
    if found is None:
        raise ConfigError(
            f"text in images is read by Tesseract, which is not installed. {_INSTALL}"
        )
    return found


def words_in(image: Image, language: str, seconds: float) -> list[Word]:
    """Return the words of a picture.

    Parameters
    ----------
    image : PIL.Image.Image
        Gray, or RGB.
    language : str
    seconds : float
        Longest time.

    Raises
    ------
    NotReadError
        If Tesseract takes too long or fails.
    """
    text = _tsv(image, language, seconds).decode("utf-8", "replace")
    lines = csv.DictReader(io.StringIO(text), _FIELDS, delimiter="\t", quoting=csv.QUOTE_NONE)
    return [
        Word(
            text=line["text"],
            left=int(line["left"]),
            top=int(line["top"]),
            width=int(line["width"]),
            height=int(line["height"]),
            confidence=float(line["conf"]),
            line=(int(line["block_num"]), int(line["par_num"]), int(line["line_num"])),
        )
        for line in lines
        if line["level"] == _WORD and line["text"] and not line["text"].isspace()
    ]


def _tsv(image: Image, language: str, seconds: float) -> bytes:
    loaded = loaded_tesseract(language, program_version())
    if loaded is None:
        return _run(image, ["-l", language, "tsv"], seconds)
    try:
        found = loaded.tsv(image.convert("L"), seconds)
    except RuntimeError:
        raise OcrFailed(_FAILED) from None
    if found is None:
        raise NotReadError(TOO_LONG)
    return found


def turned_by(image: Image, seconds: float) -> int:
    """Return by how many degrees a picture must be turned clockwise; 0 if that is not clear."""
    try:
        facts = _run(image, ["--psm", "0"], seconds).decode("utf-8", "replace")
    except OcrFailed:  # too few letters, or no data for orientation
        return 0
    found = dict(line.split(":", 1) for line in facts.splitlines() if ":" in line)
    return int(found.get("Rotate", "0"))


class OcrFailed(NotReadError):
    """Tesseract ended with an error."""


def _run(image: Image, options: list[str], seconds: float) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PPM")  # no compression, which would cost a tenth of the time
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [_program(), "stdin", "stdout", *options],
            input=buffer.getvalue(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},  # its threads wait more than they compute
            timeout=max(0.1, seconds),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotReadError(TOO_LONG) from None
    if done.returncode != 0:
        raise OcrFailed(_FAILED)
    return done.stdout


TOO_LONG = "a page was not read within max_seconds"
_FAILED = "the text could not be read: Tesseract failed"
