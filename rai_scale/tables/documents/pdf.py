"""PDF files: the text of pages, form fields, annotations and properties, and attached files."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rai_scale.errors import NotReadError
from rai_scale.tables.documents.pictures import PICTURE, page_texts
from rai_scale.tables.documents.work import Entry, Row, Work, blocks
from rai_scale.tables.documents.xml_text import XmlTexts
from rai_scale.tables.images.options import DEFAULT_OCR, ImageLimits
from rai_scale.tables.images.pdf_pages import PdfPages

NO_TEXT = "page without text (a scanned page, for example)"
DEFECT = "damaged in places: text may be missing"


def read_pdf(entry: Entry, work: Work) -> Iterator[Row | Entry]:
    """Yield the text of each page, and the attached files."""
    from pypdf import PdfReader

    if entry.size() > work.limits.max_bytes:
        raise NotReadError("larger than max_bytes")
    with _noted_defects(work):
        yield from _read(PdfReader(entry.stream), entry, work)


@contextmanager
def _noted_defects(work: Work) -> Iterator[None]:
    """Note a defect that pypdf works around: it only logs a warning, and text may be missing."""
    log = logging.getLogger("pypdf")
    handler = _Noting(logging.WARNING)
    handler.work = work
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


class _Noting(logging.Handler):
    work: Work

    def emit(self, record: logging.LogRecord) -> None:
        """Note that something is wrong, without the message, which may quote the file."""
        self.work.note_once(DEFECT)


def _read(reader: Any, entry: Entry, work: Work) -> Iterator[Row | Entry]:
    from pypdf.errors import DependencyError

    try:
        if reader.is_encrypted and not reader.decrypt(""):
            raise NotReadError("password protected")
    except DependencyError:
        raise NotReadError("encrypted: needs pip install 'rai-scale[documents]'") from None
    has_text = False
    scans = _Scans(entry, work)
    for number, page in enumerate(reader.pages, 1):
        try:
            for row in blocks(_page_texts(page, number, scans, work)):
                has_text = True
                yield row
        except Exception as error:  # the other pages may be whole
            work.note(f"damaged ({type(error).__name__})")
    if has_text:  # a scanned document is not read because its properties are
        for read in (_properties, _fields, _titles, _scripts, _description):
            try:
                yield from blocks(read(reader))
            except Exception as error:
                work.note(f"damaged ({type(error).__name__})")
    for name, contents in reader.attachments.items():
        for content in contents if isinstance(contents, list) else [contents]:
            yield entry.inner(str(name), content, work)


class _Scans:
    """The pages of a PDF as pictures; it is opened when the first one is asked for."""

    def __init__(self, entry: Entry, work: Work) -> None:
        self._entry, self._work = entry, work
        self._pages: PdfPages | None = None

    def texts(self, number: int) -> Iterator[str]:
        """Yield what OCR reads on a page, counted from 1."""
        ocr = self._work.limits.images or DEFAULT_OCR
        if self._pages is None:
            content = io.BytesIO(self._entry.content(self._work))
            self._pages = PdfPages(content, ImageLimits(), ocr.dpi)
        return page_texts(self._pages.picture(number - 1), self._work)


def _page_texts(page: Any, number: int, scans: _Scans, work: Work) -> Iterator[Row]:
    place = f"page {number}"
    text = str(page.extract_text())
    yield place, text
    pictures = _pictures(page)
    if work.limits.images is not None and (pictures or not text.strip()):
        yield from ((place, seen) for seen in scans.texts(number))
    elif not text.strip():
        work.note(NO_TEXT)
    else:
        work.reasons.update([PICTURE] * pictures)
    for annotation in page.get("/Annots") or []:
        found = annotation.get_object()
        link = found.get("/A")
        values = [found.get(key) for key in ("/Contents", "/T", "/V")]
        values += [link.get_object().get("/URI")] if link is not None else []
        yield from ((place, str(v).removeprefix("mailto:")) for v in values if isinstance(v, str))


def _pictures(page: Any) -> int:
    resources = page.get("/Resources")
    objects = resources.get_object().get("/XObject") if resources is not None else None
    found = objects.get_object().values() if objects is not None else ()
    return sum(o.get_object().get("/Subtype") == "/Image" for o in found)


def _properties(reader: Any) -> Iterator[Row]:
    for name, value in (reader.metadata or {}).items():
        if isinstance(value, str) and "Date" not in name:
            yield "properties", f"{name.lstrip('/')}: {value}"


def _fields(reader: Any) -> Iterator[Row]:
    for name, field in (reader.get_fields() or {}).items():
        choices = field.get("/Opt") if field.get("/FT") == "/Ch" else None
        for value in _texts([field.get("/V"), field.get("/DV"), field.get("/TU"), choices]):
            yield "form", f"{name}: {value}"


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a value and in lists within it."""
    value = value.get_object() if hasattr(value, "get_object") else value
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str) and value and not value.startswith("/"):
        yield str(value)


def _titles(reader: Any) -> Iterator[Row]:
    waiting = list(reader.outline)
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, list):
            waiting = [*one, *waiting]
        else:
            yield "outline", str(one.title)


def _scripts(reader: Any) -> Iterator[Row]:
    """Yield the scripts that run when the document is opened."""
    root = reader.root_object
    names = root.get("/Names", {}).get_object() if "/Names" in root else {}
    tree = names.get("/JavaScript", {})
    tree = tree.get_object() if hasattr(tree, "get_object") else tree
    one: Any
    for one in (root.get("/OpenAction"), *tree.get("/Names", ())):
        action: Any = one.get_object() if hasattr(one, "get_object") else one
        script: Any = action.get("/JS") if isinstance(action, dict) else None
        script = script.get_object() if hasattr(script, "get_object") else script
        if hasattr(script, "get_data"):
            yield "script", script.get_data().decode("latin-1")
        else:
            yield from (("script", text) for text in _texts(script))


def _description(reader: Any) -> Iterator[Row]:
    """Yield the description of the document in XML (XMP)."""
    found = reader.root_object.get("/Metadata")
    if found is not None:
        content = found.get_object().get_data()
        yield from (("properties", text) for _, text in XmlTexts().rows(io.BytesIO(content)))
