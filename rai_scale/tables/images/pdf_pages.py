"""PDF files: pages as they are seen, and a new PDF of nothing but their pictures."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from rai_scale.errors import NotReadError
from rai_scale.tables.images.book import Book, Box, check_pages, check_pixels
from rai_scale.tables.images.options import ImageLimits
from rai_scale.tables.images.pictures import filled

if TYPE_CHECKING:
    from PIL.Image import Image

_POINTS = 72
_QUALITY = 85
_LAST = 17


class PdfPages(Book):
    """A PDF file; its pages are rendered with what annotations and forms show."""

    def __init__(self, stream: BinaryIO, limits: ImageLimits, dpi: int) -> None:
        import pypdfium2 as pdfium

        self._limits, self._scale = limits, dpi / _POINTS
        try:
            self._source = pdfium.PdfDocument(stream)
        except pdfium.PdfiumError as error:
            locked = "password" in str(error).lower()
            raise NotReadError("password protected" if locked else "damaged") from None
        check_pages(len(self._source), limits)
        self._source.init_forms()
        self._target = pdfium.PdfDocument.new()
        self._page: Image | None = None
        self._points = (0.0, 0.0)

    def pages(self) -> Iterator[Image]:
        """Yield each page as a picture."""
        for number in range(len(self._source)):
            self._page = self.picture(number)
            yield self._page

    def picture(self, number: int) -> Image:
        """Return a page, counted from 0, as a picture."""
        page = self._source[number]
        self._points = across, down = page.get_size()
        size = math.ceil(across * self._scale), math.ceil(down * self._scale)
        check_pixels(size, self._limits)
        seen = _rendered(page, self._scale)
        page.close()
        return seen

    def paint(self, boxes: list[Box]) -> None:
        """Fill boxes of the current page with black, and keep the page."""
        import pypdfium2 as pdfium

        assert self._page is not None
        filled(self._page, boxes)
        jpeg = io.BytesIO()
        self._page.save(jpeg, "JPEG", quality=_QUALITY)
        picture = pdfium.PdfImage.new(self._target)
        picture.load_jpeg(jpeg, inline=True)
        picture.set_matrix(pdfium.PdfMatrix().scale(*self._points))
        page = self._target.new_page(*self._points)
        page.insert_obj(picture)
        page.gen_content()
        page.close()

    def content(self) -> bytes:
        """Return the new file."""
        target = io.BytesIO()
        self._target.save(target, version=_LAST)
        return target.getvalue()


def _rendered(page: Any, scale: float) -> Image:
    """Return a page as a picture, in gray if it has no colours."""
    seen: Image = page.render(scale=scale, may_draw_forms=True).to_pil().convert("RGB")
    shades = seen.convert("L")
    from PIL import ImageChops

    coloured = ImageChops.difference(seen, shades.convert("RGB")).getbbox()
    return seen if coloured else shades
