"""Letters as files of other kinds than tables: small, valid, all with the same planted text."""

from __future__ import annotations

import importlib.util
import io
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.samples.compound_file import compound_file
from rai_scale.samples.marked import Marked
from rai_scale.samples.texts import letter
from rai_scale.samples.truth import DOCUMENTS

if TYPE_CHECKING:
    from rai_scale.samples.rows import World

FOLDER = "documents"
LETTERS = 8
"""Letters of each kind."""
_ITEMS = pa.schema([(name, pa.string()) for name in ("file", "entity", "value")])
_OFFICE = "http://schemas.openxmlformats.org"
_TYPES = (
    '<Types xmlns="{0}/package/2006/content-types"><Default Extension="xml" ContentType="{1}"/>'
)
_TYPES += '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
_TYPES += 'relationships+xml"/></Types>'
_RELATIONS = '<Relationships xmlns="{0}/package/2006/relationships"><Relationship Id="r1" Type='
_RELATIONS += '"{0}/officeDocument/2006/relationships/{2}" Target="{1}"/></Relationships>'


def write_documents(lake: Path, truth: Path, world: World, seed: int) -> None:
    """Write letters of each kind to ``documents/``, and their items to ``documents.parquet``."""
    folder = lake / FOLDER
    folder.mkdir(parents=True)
    letters = _letters(world, Random(f"documents/{seed}"))  # noqa: S311
    texts = [marked.text for marked in letters]
    names: dict[str, Sequence[Marked]] = {}
    for ending, write in WRITERS.items():
        for number, marked in enumerate(letters, 1):
            name = f"letter-{number}.{ending}"
            (folder / name).write_bytes(write(marked.text))
            names[name] = [marked]
    for ending, write_all in TABLES.items():
        if ending != "avro" or importlib.util.find_spec("fastavro"):
            (folder / f"letters.{ending}").write_bytes(write_all(texts))
            names[f"letters.{ending}"] = letters
    rows = [
        {"file": name, "entity": entity, "value": marked.text[start:end]}
        for name, found in names.items()
        for marked in found
        for entity, start, end in marked.spans
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=_ITEMS), truth / DOCUMENTS)


def _letters(world: World, rng: Random) -> list[Marked]:
    """Return letters in Latin letters, which every kind of file can hold."""
    found: list[Marked] = []
    number = 0
    while len(found) < LETTERS:
        marked = letter(world.people[number], rng)
        number += 1
        if marked.text.encode("cp1252", "ignore").decode("cp1252") == marked.text:
            found.append(marked)
    return found


def _paragraphs(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _pdf(text: str) -> bytes:
    lines = [line.translate({i: f"\\{chr(i)}" for i in b"\\()"}) for line in _paragraphs(text)]
    shown = "".join(f"({line}) Tj T*\n" for line in lines)
    stream = f"BT /F1 10 Tf 14 TL 40 800 Td\n{shown}ET".encode("cp1252")
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page + b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        font,
    ]
    content, starts = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        starts.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    entries = b"".join(b"%010d 00000 n \n" % start for start in starts)
    end = b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF"
    return content + end % (entries, len(content))


def _package(files: Mapping[str, str | bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():  # a fixed date: the same lake has the same bytes
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def _office(main: str, kind: str, body: str, more: Mapping[str, str]) -> bytes:
    types = _TYPES.format(_OFFICE, f"application/vnd.openxmlformats-officedocument.{kind}.main+xml")
    return _package(
        {
            "[Content_Types].xml": types,
            "_rels/.rels": _RELATIONS.format(_OFFICE, main, "officeDocument"),
            main: body,
            **more,
        }
    )


def _docx(text: str) -> bytes:
    lines = "".join(f"<w:p><w:r><w:t>{escape(p)}</w:t></w:r></w:p>" for p in _paragraphs(text))
    space = f"{_OFFICE}/wordprocessingml/2006/main"
    body = f'<w:document xmlns:w="{space}"><w:body>{lines}</w:body></w:document>'
    return _office("word/document.xml", "wordprocessingml.document", body, {})


def _pptx(text: str) -> bytes:
    lines = "".join(f"<a:p><a:r><a:t>{escape(p)}</a:t></a:r></a:p>" for p in _paragraphs(text))
    spaces = f'xmlns:a="{_OFFICE}/drawingml/2006/main" xmlns:p="{_OFFICE}/presentationml/2006/main"'
    shape = f"<p:sp><p:txBody><a:bodyPr/>{lines}</p:txBody></p:sp>"
    slide = f"<p:sld {spaces}><p:cSld><p:spTree>{shape}</p:spTree></p:cSld></p:sld>"
    relations = _RELATIONS.format(_OFFICE, "slides/slide1.xml", "slide")
    more = {"ppt/slides/slide1.xml": slide, "ppt/_rels/presentation.xml.rels": relations}
    body = f"<p:presentation {spaces}/>"
    return _office("ppt/presentation.xml", "presentationml.presentation", body, more)


def _eml(text: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "office@example.com", "archive@example.com"
    message["Subject"] = "Letter"
    message.set_content(text)
    return bytes(message)


def _msg(text: str) -> bytes:
    properties = {"__properties_version1.0": bytes(32)}
    return compound_file({**properties, "__substg1.0_1000001F": text.encode("utf-16-le")})


def _xml(text: str) -> bytes:
    lines = "".join(f"<p>{escape(p)}</p>" for p in _paragraphs(text))
    return f'<?xml version="1.0" encoding="utf-8"?><letter>{lines}</letter>'.encode()


def _html(text: str) -> bytes:
    lines = "".join(f"<p>{escape(p)}</p>" for p in _paragraphs(text))
    return f'<!DOCTYPE html><html><meta charset="utf-8"><body>{lines}</body></html>'.encode()


def _xlsx(texts: Sequence[str]) -> bytes:
    values = [("letter_id", "text"), *((str(n), t) for n, t in enumerate(texts, 1))]
    cell = '<c t="inlineStr"><is><t>{0}</t></is></c>'
    rows = "".join(
        f"<row>{''.join(cell.format(escape(value)) for value in row)}</row>" for row in values
    )
    main, relation = f"{_OFFICE}/spreadsheetml/2006/main", "officeDocument/2006/relationships"
    sheets = f'<sheets><sheet name="Letters" sheetId="1" r:id="r1" xmlns:r="{_OFFICE}/{relation}"/>'
    more = {
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData>'
        "</worksheet>",
        "xl/_rels/workbook.xml.rels": _RELATIONS.format(
            _OFFICE, "worksheets/sheet1.xml", "worksheet"
        ),
    }
    body = f'<workbook xmlns="{main}">{sheets}</sheets></workbook>'
    return _office("xl/workbook.xml", "spreadsheetml.sheet", body, more)


def _table(texts: Sequence[str]) -> pa.Table:
    return pa.table({"letter_id": pa.array(range(1, len(texts) + 1)), "text": list(texts)})


def _sqlite(texts: Sequence[str]) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE letters (letter_id INTEGER, text TEXT)")
    connection.executemany("INSERT INTO letters VALUES (?, ?)", enumerate(texts, 1))
    connection.commit()
    content = connection.serialize()
    connection.close()
    return content


def _orc(texts: Sequence[str]) -> bytes:
    from pyarrow import orc

    sink = io.BytesIO()
    orc.write_table(_table(texts), sink)
    return sink.getvalue()


def _avro(texts: Sequence[str]) -> bytes:
    import fastavro

    sink = io.BytesIO()
    fields = [{"name": "letter_id", "type": "long"}, {"name": "text", "type": "string"}]
    schema = {"type": "record", "name": "letter", "fields": fields}
    marker = bytes(16)
    fastavro.writer(sink, schema, _table(texts).to_pylist(), sync_marker=marker)
    return sink.getvalue()


def _zip(texts: Sequence[str]) -> bytes:
    return _package({f"letters/{n}.docx": _docx(text) for n, text in enumerate(texts, 1)})


def _tar(texts: Sequence[str]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:bz2") as archive:
        for number, text in enumerate(texts, 1):
            content = _eml(text)
            info = tarfile.TarInfo(f"letters/{number}.eml")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


WRITERS: dict[str, Callable[[str], bytes]] = {
    **{"txt": str.encode, "pdf": _pdf, "docx": _docx, "pptx": _pptx, "eml": _eml, "msg": _msg},
    **{"xml": _xml, "html": _html},
}
"""Kinds of files with one letter each."""
TABLES: dict[str, Callable[[Sequence[str]], bytes]] = {
    **{"xlsx": _xlsx, "sqlite": _sqlite, "orc": _orc, "avro": _avro, "zip": _zip, "tar.bz2": _tar},
}
"""Kinds of files with all letters."""
