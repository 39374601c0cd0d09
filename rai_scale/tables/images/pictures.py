"""Pictures that Pillow reads: their pages, and new files that hold nothing but the pixels."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from rai_scale.tables.images.book import Book, Box, check_pages, check_pixels
from rai_scale.tables.images.options import ImageLimits

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP")
_SAVED_AS = {"MPO": "JPEG"}  # only the first picture of several: the others are thumbnails
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 92},
    "TIFF": {"compression": "tiff_deflate"},
    "WEBP": {"lossless": True},
}
_MOST_DPI = 10_000
_WHITE = (255, 255, 255)


class Pictures(Book):
    """A PNG, JPEG, TIFF, GIF, BMP or WebP file with one or more pages or frames."""

    def __init__(self, stream: BinaryIO, limits: ImageLimits) -> None:
        from PIL import Image

        Image.MAX_IMAGE_PIXELS = None  # checked here
        Image.init()  # all formats can be saved
        self._limits = limits
        self._source = Image.open(stream, formats=_FORMATS)
        check_pixels(self._source.size, limits)
        known = str(self._source.format)
        self._format = _SAVED_AS.get(known, known)
        self._count = 1 if known in _SAVED_AS else int(getattr(self._source, "n_frames", 1))
        check_pages(self._count, limits)
        self._page: Image.Image | None = None
        self._done: list[tuple[Image.Image, dict[str, Any]]] = []
        self._target = io.BytesIO()
        self._writer: Any = None  # of a TIFF file, which can be written page by page

    def pages(self) -> Iterator[Image]:
        """Yield each page, upright, without transparency."""
        for number in range(self._count):
            self._source.seek(number)
            check_pixels(self._source.size, self._limits)
            self._page = bare(self._source)
            yield self._page

    def paint(self, boxes: list[Box]) -> None:
        """Fill boxes of the current page with black, and keep the page."""
        assert self._page is not None
        filled(self._page, boxes)
        facts = {"dpi": _dpi(self._source)}
        if self._count > 1 and self._format != "TIFF":
            facts["duration"] = self._source.info.get("duration", 0)
        self._keep(self._page, {name: value for name, value in facts.items() if value})

    def _keep(self, page: Image, facts: dict[str, Any]) -> None:
        if self._format != "TIFF":
            self._done.append((page, facts))
            return
        from PIL.TiffImagePlugin import AppendingTiffWriter

        self._writer = self._writer or AppendingTiffWriter(self._target)
        page.save(self._writer, "TIFF", **_OPTIONS["TIFF"], **facts)
        self._writer.newFrame()

    def content(self) -> bytes:
        """Return the new file."""
        if self._writer is not None:
            self._writer.close()
        else:
            (first, facts), *others = self._done
            options = {**_OPTIONS.get(self._format, {}), **facts}
            if others:
                durations = [facts.get("duration", 0) for _, facts in self._done]
                options |= {"save_all": True, "append_images": [page for page, _ in others]}
                options |= {"duration": durations, "loop": 0}
            first.save(self._target, self._format, **options)
        return self._target.getvalue()


def bare(source: Image) -> Image:
    """Return the pixels of a picture: upright, on white where they are transparent, without facts.

    What is transparent is not seen by OCR, but could be made visible again.
    """
    from PIL import Image, ImageOps

    source.load()
    seen = ImageOps.exif_transpose(source)
    if seen.has_transparency_data:
        clear = seen.convert("RGBA")
        page = Image.new("RGB", clear.size, _WHITE)
        page.paste(clear, mask=clear.getchannel("A"))
        return page
    kept = seen.mode in ("1", "L", "RGB", "CMYK", "I", "F") or seen.mode.startswith("I;16")
    seen = seen if kept else seen.convert("RGB")
    page = Image.new(seen.mode, seen.size)
    page.paste(seen)
    return page


def filled(page: Image, boxes: list[Box]) -> None:
    """Fill boxes with black."""
    black: Any = {"RGB": (0, 0, 0), "CMYK": (0, 0, 0, 255)}.get(page.mode, 0)
    for left, top, width, height in boxes:
        box = (max(0, left), max(0, top), min(page.width, left + width))
        page.paste(black, (*box, min(page.height, top + height)))


def _dpi(source: Image) -> tuple[float, float] | None:
    """Return the resolution, which is part of how a page is printed."""
    try:
        across, down = (float(value) for value in source.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    good = all(math.isfinite(value) and 1 <= value <= _MOST_DPI for value in (across, down))
    return (across, down) if good else None
