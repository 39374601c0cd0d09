"""Tesseract's library in this process: a language is loaded once, and not for each page.

Loading takes about as long as reading a page. The library gives the words of the program.
"""

from __future__ import annotations

import ctypes
import time
from ctypes import c_char_p, c_int, c_void_p
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

_FILES = ("libtesseract.so.5", "libtesseract.5.dylib")
_AUTOMATIC = 3
"""The program's default page segmentation mode; the library's own is another one."""
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "TessVersion": (c_char_p,),
    "TessBaseAPICreate": (c_void_p,),
    "TessBaseAPIInit3": (c_int, c_void_p, c_char_p, c_char_p),
    "TessBaseAPISetVariable": (c_int, c_void_p, c_char_p, c_char_p),
    "TessBaseAPISetPageSegMode": (None, c_void_p, c_int),
    "TessBaseAPISetImage": (None, c_void_p, c_char_p, c_int, c_int, c_int, c_int),
    "TessBaseAPIRecognize": (c_int, c_void_p, c_void_p),
    "TessBaseAPIGetTsvText": (c_void_p, c_void_p, c_int),
    "TessDeleteText": (None, c_void_p),
    "TessBaseAPIClear": (None, c_void_p),
    "TessBaseAPIClearAdaptiveClassifier": (None, c_void_p),
    "TessMonitorCreate": (c_void_p,),
    "TessMonitorSetDeadlineMSecs": (None, c_void_p, c_int),
    "TessMonitorDelete": (None, c_void_p),
}


class LoadedTesseract:
    """Tesseract with the data of a language; one page after the other."""

    def __init__(self, library: ctypes.CDLL, language: str) -> None:
        self._library = library
        self._handle = library.TessBaseAPICreate()
        library.TessBaseAPISetVariable(self._handle, b"debug_file", b"/dev/null")
        self.ready = library.TessBaseAPIInit3(self._handle, None, language.encode()) == 0
        library.TessBaseAPISetPageSegMode(self._handle, _AUTOMATIC)

    def tsv(self, gray: Image, seconds: float) -> bytes | None:
        """Return the words of a page as Tesseract's TSV without a header.

        Parameters
        ----------
        gray : PIL.Image.Image
            In mode ``L``.
        seconds : float
            Longest time. It is looked at between words; the layout takes as long as it takes.

        Returns
        -------
        bytes or None
            None if there was not enough time.

        Raises
        ------
        RuntimeError
            If Tesseract fails.
        """
        library, handle = self._library, self._handle
        monitor, end = library.TessMonitorCreate(), time.monotonic() + seconds
        try:
            library.TessMonitorSetDeadlineMSecs(monitor, max(1, int(seconds * 1000)))
            library.TessBaseAPISetImage(
                handle, gray.tobytes(), gray.width, gray.height, 1, gray.width
            )
            failed = library.TessBaseAPIRecognize(handle, monitor) != 0
            if time.monotonic() >= end:
                return None
            if failed:
                raise RuntimeError("Tesseract failed")
            text = library.TessBaseAPIGetTsvText(handle, 0)
            found = ctypes.string_at(text)
            library.TessDeleteText(text)
            return found
        finally:
            library.TessMonitorDelete(monitor)
            library.TessBaseAPIClear(handle)
            # what it has learnt from a page must not change how the next one is read
            library.TessBaseAPIClearAdaptiveClassifier(handle)


@cache
def loaded_tesseract(language: str, version: str) -> LoadedTesseract | None:
    """Return Tesseract with the data of a language, or None if there is no such library.

    Parameters
    ----------
    language : str
    version : str
        That of the program. Another library, whose words may be others, is not used.
    """
    library = _library()
    if library is None or library.TessVersion().decode() != version:
        return None
    made = LoadedTesseract(library, language)
    return made if made.ready else None


@cache
def _library() -> ctypes.CDLL | None:
    for name in _FILES:
        try:
            library = ctypes.CDLL(name)
            for function, (result, *arguments) in _SIGNATURES.items():
                found = getattr(library, function)
                found.restype, found.argtypes = result, arguments
        except (OSError, AttributeError):
            continue
        return library
    return None
