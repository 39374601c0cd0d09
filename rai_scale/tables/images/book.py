"""What the kinds of image files share: pages are read one by one, painted over, and kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rai_scale.errors import NotReadError
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
