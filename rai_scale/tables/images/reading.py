"""The words of a page: one reading by OCR, and further ones where the first is doubtful."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from rai_scale.tables.images.options import Ocr
from rai_scale.tables.images.slant import ink_of, slant_of, tilt_of, turned_back, upright_page
from rai_scale.tables.images.tesseract import Word, turned_by, words_in

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

_SURE = 60
_SURE_SHARE = 0.7
_COVERED = 0.8
_SMALL = 13
"""Height in pixels of words that are read better from an enlarged page."""
_FLAT = 8
"""Difference between the darkest and the brightest pixel of an empty page."""
_PALE = 96
_MOST_PIXELS = 60_000_000
_BETTER = 1.5
_CLEAN_SHARE = 0.7
_TILTED = 3
"""Degrees of slanted lines above which a reading is doubtful."""
_QUARTER, _HALF, _BACK = 90, 180, 270
_DIRECTIONS = (_QUARTER, _HALF, _BACK)

Reading = list[Word]


def read_page(image: Image, ocr: Ocr, seconds_left: Callable[[], float]) -> list[Reading]:
    """Return the words of a page, once for each reading.

    Parameters
    ----------
    image : PIL.Image.Image
        Of any mode.
    ocr : Ocr
    seconds_left : callable
        Returns the seconds that remain for this page.

    Returns
    -------
    list of list of Word
        Boxes are in pixels of ``image``. No reading for a page of one colour.

    Raises
    ------
    NotReadError
        If it takes too long, or if Tesseract fails.
    """
    gray = as_gray(image)
    if _contrast(gray) < _FLAT:
        return []
    clean = _without_specks(gray)

    def read(angle: int = 0, scale: int = 1) -> Reading:
        seen = clean if scale == 1 else gray.resize((gray.width * scale, gray.height * scale))
        words = words_in(_turned(seen, angle), ocr.language, seconds_left())
        return [_back(word, gray.size, angle, scale) for word in words]

    first, ink = read(), ink_of(gray)
    readings, sure = [first], _is_sure(first, gray, ink) and tilt_of(first) < _TILTED
    angles: tuple[int, ...] = _DIRECTIONS if ocr.thorough else ()
    if not ocr.thorough and not sure:
        angle = turned_by(gray, seconds_left())
        angles = (angle,) if angle in _DIRECTIONS else ()
    for angle in angles:
        readings.append(read(angle))
    if not angles and not sure and (slant := slant_of(ink)):
        upright = upright_page(gray, slant, _paper(gray))
        words = words_in(upright, ocr.language, seconds_left())
        readings.append([turned_back(word, slant, upright, gray) for word in words])
    best = max(readings, key=_letters)
    if not ocr.thorough and _letters(best) > _BETTER * _letters(first):
        readings = [best]  # the other one is noise
    small = bool(best) and _height(best) < _SMALL
    fits = 4 * gray.width * gray.height < _MOST_PIXELS
    if fits and (ocr.thorough or small or not _is_sure(best, gray, ink)):
        angle = angles[0] if angles and best is not first and not ocr.thorough else 0
        readings.append(read(angle, scale=2))
    return readings


def _without_specks(gray: Image) -> Image:
    """Return a page without the specks that OCR takes for letters."""
    from PIL import ImageFilter

    return gray.filter(ImageFilter.MedianFilter(3)) if _is_speckled(gray) else gray


def _is_speckled(gray: Image) -> bool:
    """Return whether much of the paper is not of one shade."""
    shades, paper = gray.histogram(), _paper(gray)
    return sum(shades[max(0, paper - 8) : paper + 9]) < _CLEAN_SHARE * sum(shades)


def _paper(gray: Image) -> int:
    """Return the most frequent shade."""
    shades = gray.histogram()
    return shades.index(max(shades))


def as_gray(image: Image) -> Image:
    """Return a picture in 256 shades of gray, with a pale one's contrast raised."""
    from PIL import Image as images
    from PIL import ImageOps

    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        import numpy as np

        values = np.asarray(image, dtype=float)
        low, high = np.nanmin(values), np.nanmax(values)
        shades = np.nan_to_num((values - low) * (255 / ((high - low) or 1)))
        gray = images.fromarray(shades.astype("uint8"))
    else:
        gray = image.convert("RGB").convert("L") if image.mode == "CMYK" else image.convert("L")
    return ImageOps.autocontrast(gray) if _FLAT <= _contrast(gray) < _PALE else gray


def _contrast(gray: Image) -> int:
    """Return the difference between the darkest and the brightest pixel."""
    low, high = (int(shade) for shade in gray.getextrema() if not isinstance(shade, tuple))
    return high - low


def _is_sure(words: Reading, gray: Image, ink: np.ndarray) -> bool:
    """Return whether nearly all that was read is certain, and most of the page was read."""
    seen = sum(len(word.text) for word in words)
    certain = seen > 0 and _letters(words) >= _SURE_SHARE * seen
    return certain and _covered(words, ink, ink.shape[1] / gray.width) >= _COVERED


def _covered(words: Reading, ink: np.ndarray, scale: float) -> float:
    """Return the share of the ink that is within words: OCR can skip lines without a trace."""
    outside = ink.copy()
    for word in words:
        rows = slice(int(word.top * scale), int((word.top + word.height) * scale) + 1)
        outside[rows, int(word.left * scale) : int((word.left + word.width) * scale) + 1] = False
    return 1 - float(outside.sum() / max(1, ink.sum()))


def _letters(words: Reading) -> int:
    """Return the number of characters in words that were read with confidence."""
    return sum(len(w.text) for w in words if w.confidence >= _SURE and len(w.text) > 1)


def _height(words: Reading) -> float:
    """Return the usual height of words; of turned ones, it is their width."""
    return median(min(w.height, w.width) for w in words)


def _turned(image: Image, angle: int) -> Image:
    """Turn a picture clockwise."""
    from PIL import Image as images

    how = {
        _QUARTER: images.Transpose.ROTATE_270,
        _HALF: images.Transpose.ROTATE_180,
        _BACK: images.Transpose.ROTATE_90,
    }
    return image.transpose(how[angle]) if angle else image


def _back(word: Word, size: tuple[int, int], angle: int, scale: int) -> Word:
    """Return a word of a turned and enlarged page with its box on the page itself."""
    width, height = size[0] * scale, size[1] * scale
    x, y, w, h = word.left, word.top, word.width, word.height
    if angle == _QUARTER:
        x, y, w, h = y, height - x - w, h, w
    elif angle == _HALF:
        x, y = width - x - w, height - y - h
    elif angle == _BACK:
        x, y, w, h = width - y - h, x, h, w
    right, bottom = -(-(x + w) // scale), -(-(y + h) // scale)
    x, y = x // scale, y // scale
    return replace(word, left=x, top=y, width=right - x, height=bottom - y)
