"""The kind of a file, by its first bytes and its name, and the reader of each kind."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from rai_scale.errors import ConfigError, NotReadError
from rai_scale.tables.dialect import NoTextError, encoding_of
from rai_scale.tables.documents.work import Entry, LimitError, Work

_MAGIC = tuple(
    (re.compile(mark, re.DOTALL), kind)
    for mark, kind in (
        (rb"%PDF-", "pdf"),
        (rb"SQLite format 3\0", "sqlite"),
        (rb"Obj\x01", "avro"),
        (rb"ORC[^ -~]", "orc"),
        (rb"PAR1", "parquet"),
        (rb"\x1f\x8b", "gz"),
        (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "bz2"),
        (rb"\xfd7zXZ\0", "xz"),
        (rb"\x28\xb5\x2f\xfd", "zst"),
        (rb"PK(\x03\x04|\x05\x06)", "zip"),
        (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
        (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\0|MM\0\*|RIFF....WEBP", "picture"),
        (rb".{128}DICM", "picture"),
        (rb".{257}ustar", "tar"),
    )
)
_ENDINGS = {
    **dict.fromkeys(("eml", "mht", "mhtml"), "email"),
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    **dict.fromkeys(("xml", "xsd", "svg", "rss", "xsl"), "xml"),
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp", "heic"), "picture"),
    **dict.fromkeys(("emf", "wmf", "wdp", "dcm"), "picture"),
}
BINARY = {
    **dict.fromkeys(("pdf", "avro", "orc", "parquet", "gz", "bz2", "xz", "zst", "zip"), ""),
    **dict.fromkeys(("docx", "pptx", "xlsx", "xlsm", "xlsb", "xls", "ods", "odt", "odp"), ""),
    **dict.fromkeys(("msg", "sqlite", "sqlite3", "db", "tar", "tgz", "docm", "pptm"), ""),
}
"""Endings of binary files: content without the mark of any kind is damaged."""

_READERS = {
    "pdf": ("pdf", "read_pdf"),
    "picture": ("pictures", "read_picture"),
    "docx": ("office", "read_office"),
    "pptx": ("office", "read_office"),
    "odf": ("office", "read_open_document"),
    "xlsx": ("workbook", "read_workbook"),
    "msg": ("outlook", "read_outlook"),
    "email": ("mail", "read_mail"),
    "xml": ("xml_text", "read_xml"),
    "html": ("html_text", "read_html"),
    "text": ("plain_text", "read_plain"),
    "zip": ("archives", "read_zip"),
    "tar": ("archives", "read_tar"),
    **dict.fromkeys(("gz", "bz2", "xz", "zst"), ("archives", "read_compressed")),
    "sqlite": ("database", "read_database"),
    **dict.fromkeys(("avro", "orc", "parquet"), ("columnar", "read_columnar")),
}


def kind_of(entry: Entry) -> str:
    """Return the kind of a file: its content decides, and its name where content has no mark."""
    head = entry.head()
    if not head.strip(b"\0 \r\n\t"):
        raise NotReadError("empty")
    kind = next((kind for mark, kind in _MAGIC if mark.match(head)), "")
    if not kind and b"%PDF-" in head[:1024]:  # as other programs accept it
        kind = "pdf"
    if kind == "zip":
        return _of_zip(entry)
    return _of_ole(entry) if kind == "ole" else kind or _of_text(entry, head)


def _of_zip(entry: Entry) -> str:
    try:
        with zipfile.ZipFile(entry.stream) as found:
            names = set(found.namelist())
            mime = b""
            if "mimetype" in names:
                with found.open("mimetype") as stream:
                    mime = stream.read(100)
    except zipfile.BadZipFile:
        raise NotReadError("damaged") from None
    finally:
        entry.stream.seek(0)
    if b"opendocument.spreadsheet" in mime:
        return "xlsx"
    if b"opendocument" in mime:
        return "odf"
    if "[Content_Types].xml" in names:
        folders = {name.split("/")[0] for name in names}
        for folder, kind in (("word", "docx"), ("ppt", "pptx"), ("xl", "xlsx")):
            if folder in folders:
                return kind
    return "zip"


def _of_ole(entry: Entry) -> str:
    from rai_scale.tables.documents.outlook import ole_streams

    names = ole_streams(entry.stream)
    if "__properties_version1.0" in names:
        return "msg"
    if "EncryptedPackage" in names:
        raise NotReadError("password protected")
    if {"Workbook", "Book"} & names:
        return "xlsx"
    raise NotReadError("office document of an old format: not a supported format")


def _of_text(entry: Entry, head: bytes) -> str:
    ending = entry.name.lower().rpartition(".")[2]
    if _ENDINGS.get(ending) == "picture":
        raise NotReadError("picture: not a supported format")
    try:
        encoding = encoding_of(head)
    except NoTextError:
        known = "damaged" if ending in BINARY else "unknown kind of file"
        raise NotReadError(known) from None
    if ending in BINARY:
        raise NotReadError("its content is not that of its extension")
    start = head.decode(encoding, "replace").lstrip("\ufeff \r\n\t")[:200].lower()
    if start.startswith("<?xml") and "<html" not in start and "<!doctype html" not in start:
        return "html" if ending in ("html", "htm") else "xml"
    if start.startswith(("<!doctype html", "<html")):
        return "html"
    return _ENDINGS.get(ending, "text")


def reader_of(kind: str) -> Callable[[Entry, Work], Iterator[Any]]:
    """Return the function that yields the rows of text, and the inner files, of a kind."""
    module, name = _READERS[kind]
    found: Callable[[Entry, Work], Iterator[Any]] = getattr(
        import_module(f"rai_scale.tables.documents.{module}"), name
    )
    return found


def rows_of(
    entry: Entry, work: Work, read: Callable[[Entry, Work], Iterator[Any]] | None = None
) -> Iterator[tuple[str, str, str]]:
    """Yield (part, place, text) of a file and of the files within it; what fails is noted.

    ``read`` replaces the reader of its kind.
    """
    try:
        kind = kind_of(entry)
        if not entry.whole and kind != "text":
            raise NotReadError("larger than max_bytes")
        for item in (read or reader_of(kind))(entry, work):
            if isinstance(item, Entry):
                yield from rows_of(item, work)
            else:
                work.add_row()
                *inner, place, text = item
                yield "/".join(filter(None, (entry.part, *inner))), place, text
    except LimitError:
        raise
    except NotReadError as why:
        work.note(str(why))
    except ConfigError as error:  # no program for OCR
        work.note(str(error))
    except ModuleNotFoundError as error:
        work.note(f"needs pip install 'rai-scale[{getattr(error, 'extra', 'documents')}]'")
    except MemoryError:
        work.note("needs more memory than max_memory")
    except Exception as error:  # every library has its own errors for damaged files
        work.note(f"damaged ({type(error).__name__})")
