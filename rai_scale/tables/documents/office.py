"""Office files: all XML parts of Word, PowerPoint and Excel packages, and OpenDocument texts.

Packages are read part by part instead of through ``python-docx`` and ``python-pptx``, which do not
read footnotes, comments and text boxes and unpack parts without a limit.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from io import BytesIO

from rai_scale.errors import NotReadError
from rai_scale.tables.documents.archives import open_zip, unpacked
from rai_scale.tables.documents.work import Entry, Row, Work, blocks
from rai_scale.tables.documents.xml_text import XmlTexts, local

_PARAGRAPHS = {"p", "h", "comment", "text", "author", "si", "is"}
_PARAGRAPHS |= {"pt", "cell"}  # copies of cells in charts, and of cells of other workbooks
_LEAVES = {"t", "delText", "instrText", "text", "author", "v"}
_PEOPLE = {"author", "initials", "displayName", "userId", "descr", "title", "tooltip", "Target"}
_PEOPLE |= {"string-value", "current-value"}  # of fields and forms of OpenDocument
_VALUES = {("cmAuthor", "name"), ("s", "v"), ("docVar", "val"), ("alias", "val"), ("tag", "val")}
_VALUES |= {("query", "val"), ("listItem", "displayText"), ("section", "name")}
"""Attributes of authors of comments, of copies of cells for pivot tables, and of fields."""
_NO_TEXT = (
    *("printerSettings", "thumbnail", "/theme/", "fontTable", "/tags/", "customUI"),
    *("/styles.xml", "/stylesWithEffects.xml", "/numbering.xml", "/webSettings.xml"),
)
_SHEET_DATA = (
    "xl/worksheets/sheet",
    "xl/sharedStrings",
    "xl/styles",
    "xl/workbook",
    "xl/calcChain",
)
_FORMULAS = {"f", "formula", "formula1", "formula2", "definedName"}
_HINTS = {"prompt", "promptTitle", "error", "errorTitle", "tooltip", "display", "location"}
_LAYOUT = re.compile(r"(slideLayout|[sS]lideMaster|notesMaster|handoutMaster)\d*\.xml")
_BREAKS = {"br": "\n", "cr": "\n", "tab": "\t", "line-break": "\n", "s": " "}


class _Paragraphs(XmlTexts):
    """Collects the text of paragraphs; what only repeats it for old programs is left out."""

    def __init__(self, any_text: bool) -> None:
        super().__init__()
        self._any_text = any_text
        self._leaf = False
        self._repeated = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin a paragraph, or a text in it."""
        name = local(tag)
        self._repeated += name == "Fallback" or self._repeated > 0
        self._leaf = name in _LEAVES
        if name in _PARAGRAPHS:
            self._open.append([])
        if self._open and name in _BREAKS:
            self._open[-1].append(_BREAKS[name])
        for key, value in attributes.items():
            wanted = local(key) in _PEOPLE or (name, local(key)) in _VALUES
            if wanted and value and not value.startswith("../"):
                self.done.append((self.place(), value.removeprefix("mailto:")))

    def end(self, tag: str) -> None:
        """End a paragraph: its text is complete."""
        self._leaf = False
        self._repeated -= self._repeated > 0
        if local(tag) in _PARAGRAPHS and self._open:
            text = "".join(self._open.pop())
            if text.strip():
                self.done.append((self.place(), text))

    def text(self, data: str) -> None:
        """Add text to the innermost paragraph."""
        if self._open and not self._repeated and (self._leaf or self._any_text):
            self._open[-1].append(data)

    def comment(self, data: str) -> None:
        """Leave out comments of the program that wrote the file."""


class _BesideCells(XmlTexts):
    """Collects what a sheet has other than values: texts in formulas, headers, footers, hints."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        self._open.append([local(tag)])
        for name in sorted(_HINTS & attributes.keys()):
            self.done.append((self.place(), f"{name}: {attributes[name]}"))

    def _emit(self, parts: list[str]) -> None:
        text = "".join(parts[1:])
        formula = parts[0] in _FORMULAS and '"' in text  # others name cells only
        if formula or (text.strip() and parts[0].endswith(("Header", "Footer"))):
            self.done.append((self.place(), f"{parts[0]}: {text}"))


def read_office(entry: Entry, work: Work) -> Iterator[Row | Entry]:
    """Yield the text of all parts of a Word or PowerPoint file, and what is embedded."""
    yield from _parts(entry, work, ())


def read_beside_sheets(entry: Entry, work: Work) -> Iterator[Row | Entry]:
    """Yield the text of an Excel file next to its values: comments, formulas, properties."""
    if zipfile.is_zipfile(entry.stream):
        yield from _parts(entry, work, _SHEET_DATA)
    entry.stream.seek(0)


def read_open_document(entry: Entry, work: Work) -> Iterator[Row | Entry]:
    """Yield the paragraphs of an OpenDocument text or presentation, and what is embedded."""
    with open_zip(entry, work) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            name = info.filename
            if name == "META-INF/manifest.xml":  # the first of these names
                if b"encryption-data" in unpacked(archive, info, work):
                    raise NotReadError("password protected")
            elif name in ("content.xml", "styles.xml"):
                yield from _rows(name, unpacked(archive, info, work), any_text=True)
            elif name == "meta.xml":
                yield from blocks(XmlTexts().rows(BytesIO(unpacked(archive, info, work))))
            elif name.startswith(("Pictures/", "Object")) and not info.is_dir():
                yield entry.inner(name, unpacked(archive, info, work), work)


def _parts(entry: Entry, work: Work, skipped: tuple[str, ...]) -> Iterator[Row | Entry]:
    layouts: dict[str, None] = {}  # the same few lines in each layout
    with open_zip(entry, work) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            name = info.filename
            if info.is_dir():
                continue
            if name.startswith(skipped or "\0"):
                if name.startswith(("xl/worksheets/", "xl/workbook")) and name.endswith(".xml"):
                    rows = _BesideCells().rows(BytesIO(unpacked(archive, info, work)))
                    yield from blocks((f"{_stem(name)} {place}", text) for place, text in rows)
                continue
            if any(word in name for word in _NO_TEXT) or name == "[Content_Types].xml":
                continue
            content = unpacked(archive, info, work)
            if name.startswith(("docProps/", "customXml/")) and name.endswith(".xml"):
                texts = XmlTexts().rows(BytesIO(content))
                yield from blocks((f"{_stem(name)} {place}", text) for place, text in texts)
            elif _LAYOUT.search(name) and name.endswith(".xml"):
                layouts.update(dict.fromkeys(text for _, text in _texts(content)))
            elif name.endswith((".xml", ".vml")):
                yield from _rows(name, content)
            elif not name.endswith(".rels"):
                yield entry.inner(name, content, work)
            elif b"External" in content:
                yield from _rows(name, content)
    yield from blocks(("layouts", text) for text in layouts)


def _rows(name: str, content: bytes, any_text: bool = False) -> Iterator[Row]:
    numbered = enumerate(_texts(content, any_text), 1)
    yield from blocks((f"{_stem(name)} paragraph {n}", text) for n, (_, text) in numbered)


def _texts(content: bytes, any_text: bool = False) -> Iterator[Row]:
    return _Paragraphs(any_text).rows(BytesIO(content))


def _stem(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".xml").removesuffix(".rels")
