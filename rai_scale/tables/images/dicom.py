"""DICOM files: frames, and a new file without what the Basic Profile of PS3.15 Annex E removes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from rai_scale.errors import NotReadError
from rai_scale.tables.images.book import Book, Box, check_pages, check_pixels
from rai_scale.tables.images.dicom_tags import Tags, known_words
from rai_scale.tables.images.options import ImageLimits

if TYPE_CHECKING:
    from PIL.Image import Image

_TYPES = ("uint8", "int8", "uint16", "int16")
_COLOURED = 3


class Dicom(Book):
    """A DICOM file with one or more frames of pixels."""

    def __init__(self, stream: BinaryIO, limits: ImageLimits, secret: bytes) -> None:
        import pydicom
        from pydicom.pixels.utils import get_nr_frames

        self._data = data = pydicom.dcmread(stream)
        if "PixelData" not in data:
            raise NotReadError("DICOM file without pixels")
        check_pixels((int(data.Columns), int(data.Rows)), limits)
        self._count = get_nr_frames(data, warn=False)
        check_pages(self._count, limits)
        _check_readable(data)
        self._tags = Tags(secret)
        self.known = known_words(data)
        self._kind = str(data.PhotometricInterpretation)
        self._frames: list[Any] = []

    def pages(self) -> Iterator[Image]:
        """Yield each frame as a picture."""
        from PIL import Image
        from pydicom.pixels.utils import iter_pixels

        for frame in iter_pixels(self._data):
            seen = self._in_colours(frame)
            self._frames.append(np.array(seen))
            yield Image.fromarray(_shades(seen))

    def _in_colours(self, frame: Any) -> Any:
        """Return a frame with the colours of its palette instead of their numbers."""
        if self._kind != "PALETTE COLOR":
            return frame
        from pydicom.pixels import apply_color_lut

        colours = apply_color_lut(frame, self._data)
        return colours if colours.dtype == np.uint8 else (colours >> 8).astype(np.uint8)

    def paint(self, boxes: list[Box]) -> None:
        """Fill boxes of the current frame with its darkest value."""
        frame = self._frames[-1]
        dark = frame.max() if self._kind == "MONOCHROME1" else frame.min()
        for left, top, width, height in boxes:
            frame[max(0, top) : top + height, max(0, left) : left + width] = dark

    def content(self) -> bytes:
        """Return the new file, uncompressed."""
        from pydicom.pixels.utils import set_pixel_data

        data, frames = self._data, np.stack(self._frames)
        if str(frames.dtype) not in _TYPES:
            raise NotReadError(f"DICOM pixels of type {frames.dtype} cannot be written")
        coloured = frames.ndim > _COLOURED
        bits = 8 * frames.itemsize if coloured else int(data.BitsStored)
        self._tags.clean(data)
        kind = "RGB" if coloured else self._kind
        frames = frames if len(frames) > 1 else frames[0]
        set_pixel_data(data, frames, kind, bits, generate_instance_uid=False)
        if coloured:
            self._tags.drop_palette(data)
        self._tags.state(data)
        target = io.BytesIO()
        data.save_as(target, enforce_file_format=True)
        return target.getvalue()


def _check_readable(data: Any) -> None:
    """Raise :class:`NotReadError` if no installed decoder reads the pixels."""
    from pydicom.pixels import get_decoder

    syntax = data.file_meta.TransferSyntaxUID
    if not syntax.is_little_endian:
        raise NotReadError("DICOM file in big endian: not supported")
    try:
        readable = not syntax.is_compressed or get_decoder(syntax).is_available
    except NotImplementedError:
        readable = False
    if not readable:
        raise NotReadError(f"DICOM pixels are compressed as {syntax.name}: not supported")


def _shades(frame: Any) -> Any:
    """Return a frame with values from 0 to 255."""
    if frame.dtype == np.uint8:
        return frame
    values = frame.astype(float)
    low, high = values.min(), values.max()
    return ((values - low) * (255 / ((high - low) or 1))).astype(np.uint8)
