"""Files of every kind with the same planted text, written by other libraries than those that read."""

from __future__ import annotations

import bz2
import gzip
import io
import sqlite3
import tarfile
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pyarrow as pa

from rai_scale.samples.compound_file import compound_file

PLANTED = ("anna.smith@example.com", "212-555-0143", "4012888888881881", "Anna Smith")
TEXT = (
    "Dear Sir, my name is Anna Smith. Please write to anna.smith@example.com or call 212-555-0143. "
    "The card is 4012888888881881."
)
ROWS = [{"customer_name": "Anna Smith", "note": TEXT, "amount": n} for n in range(30)]


def pdf(text: str = TEXT, password: str | None = None) -> bytes:
    from fpdf import FPDF

    page = FPDF()
    page.set_font("helvetica")
    for _ in range(2):
        page.add_page()
        page.multi_cell(0, 8, text)
    if password:
        page.set_encryption(owner_password="o", user_password=password)
    return bytes(page.output())


def docx(text: str = TEXT) -> bytes:
    from docx import Document

    document = Document()
    document.add_paragraph(text)
    document.add_table(1, 1).cell(0, 0).text = "in a table: " + text
    document.sections[0].header.paragraphs[0].text = "in a header: " + text
    return _saved(document)


def pptx(text: str = TEXT) -> bytes:
    from pptx import Presentation

    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[1])
    slide.placeholders[1].text = text
    slide.notes_slide.notes_text_frame.text = "in the notes: " + text
    return _saved(slides)


def xlsx() -> bytes:
    from openpyxl import Workbook
    from openpyxl.comments import Comment

    book = Workbook()
    sheet = book.active
    sheet.title = "People"
    sheet.append(list(ROWS[0]))
    for row in ROWS:
        sheet.append(list(row.values()))
    sheet["A2"].comment = Comment("in a comment: " + TEXT, "Anna Smith")
    return _saved(book)


def eml(text: str = TEXT) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "Anna Smith <anna.smith@example.com>", "b@example.com"
    message["Subject"] = "Grüße"
    message.set_content(text)
    message.add_alternative(html(text).decode(), subtype="html")
    message.add_attachment(pdf(text), maintype="application", subtype="pdf", filename="letter.pdf")
    return bytes(message)


def msg(text: str = TEXT) -> bytes:
    def property(tag: str, value: str) -> dict[str, bytes]:
        return {f"__substg1.0_{tag}001F": value.encode("utf-16-le")}

    attachment = {**property("3707", "letter.pdf"), "__substg1.0_37010102": pdf(text)}
    properties = {"__properties_version1.0": bytes(32)}
    return compound_file(
        {
            **properties,
            **property("1000", text),
            **property("0037", "Hello"),
            "__recip_version1.0_#00000000": property("39FE", PLANTED[0]) | properties,
            "__attach_version1.0_#00000000": attachment | properties,
        }
    )


def xml(text: str = TEXT, encoding: str = "utf-8") -> bytes:
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    return f"{head}<letters><letter id='1'><body>{text}</body></letter></letters>".encode(encoding)


def html(text: str = TEXT) -> bytes:
    return f"<html><body><h1>Letter</h1><p>{text}</p></body></html>".encode()


def zipped(**files: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return sink.getvalue()


def tarred(mode: str = "w:gz", **files: bytes) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def sqlite(path: Path) -> bytes:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (customer_name TEXT, note TEXT, amount INTEGER)")
        rows = [tuple(row.values()) for row in ROWS]
        connection.executemany("INSERT INTO people VALUES (?, ?, ?)", rows)
    connection.close()
    content = path.read_bytes()
    path.unlink()
    return content


def orc() -> bytes:
    from pyarrow import orc

    sink = io.BytesIO()
    orc.write_table(pa.Table.from_pylist(ROWS), sink)
    return sink.getvalue()


def avro() -> bytes:
    import fastavro

    fields = [("customer_name", "string"), ("note", ["null", "string"]), ("amount", "int")]
    schema = {
        "type": "record",
        "name": "row",
        "fields": [{"name": n, "type": t} for n, t in fields],
    }
    sink = io.BytesIO()
    fastavro.writer(sink, schema, ROWS)
    return sink.getvalue()


def every_kind(folder: Path) -> dict[str, bytes]:
    """Return one good file of each kind, by name."""
    return {
        "a.pdf": pdf(),
        "a.docx": docx(),
        "a.pptx": pptx(),
        "a.xlsx": xlsx(),
        "a.eml": eml(),
        "a.msg": msg(),
        "a.xml": xml(),
        "a.html": html(),
        "a.sqlite": sqlite(folder / "made.sqlite"),
        "a.orc": orc(),
        "a.avro": avro(),
        "a.zip": zipped(**{"in/a.pdf": pdf(), "b.txt": TEXT.encode()}),
        "a.tar": tarred("w", **{"a.docx": docx()}),
        "a.tgz": tarred(**{"a.eml": eml()}),
        "a.txt.gz": gzip.compress(TEXT.encode()),
        "a.txt.bz2": bz2.compress(TEXT.encode()),
        "a.txt.zst": pa.compress(TEXT.encode(), "zstd", asbytes=True),
    }


def _saved(document: object) -> bytes:
    sink = io.BytesIO()
    document.save(sink)  # type: ignore[attr-defined]
    return sink.getvalue()
