"""Where text hides in documents: every place is read, or its file is named as partly read."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from email.message import EmailMessage

import pytest

from rai_scale.engines import engine_named
from rai_scale.tables import find_tables, read_table
from rai_scale.tables.formats import UNREAD
from tests import document_files as made

LOCAL = engine_named("local")


def planted(place):
    """Return the text that is planted in a place."""
    return f"mark.{place}@example.com"


def package(content, changes):
    """Return a ZIP package with some of its parts changed or added."""
    sink = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            text = old.read(name)
            for mark, addition in changes.get(name, ()):
                assert mark.encode() in text, (name, mark)
                text = text.replace(mark.encode(), addition.encode(), 1)
            new.writestr(name, text)
        for name, text in changes.items():
            if name not in old.namelist():
                new.writestr(name, text)
    return sink.getvalue()


def docx(_):
    from docx import Document

    document = Document()
    document.add_paragraph(planted("body"))
    cell = document.add_table(1, 1).cell(0, 0)
    cell.text = planted("cell")
    cell.add_table(1, 1).cell(0, 0).text = planted("inner-cell")
    section = document.sections[0]
    section.header.paragraphs[0].text = planted("header")
    section.footer.paragraphs[0].text = planted("footer")
    run = document.add_paragraph("x").add_run("y")
    document.add_comment(run, text=planted("comment"), author=planted("author"))
    document.core_properties.comments = planted("property")
    hidden = document.add_paragraph().add_run(planted("vanish"))
    hidden.font.hidden = True
    run = "<w:r><w:t>{}</w:t></w:r>".format
    body = (
        f'<w:p><w:ins w:author="a">{run(planted("inserted"))}</w:ins>'
        f"<w:del><w:r><w:delText>{planted('deleted')}</w:delText></w:r></w:del>"
        f"<w:r><w:pict><w:txbxContent><w:p>{run(planted('box'))}</w:p></w:txbxContent></w:pict>"
        f'<w:instrText>HYPERLINK "mailto:{planted("field")}"</w:instrText></w:r>'
        f'<w:sdt><w:sdtPr><w:alias w:val="{planted("control")}"/></w:sdtPr></w:sdt></w:p>'
    )
    variable = f'<w:docVars><w:docVar w:name="a" w:val="{planted("variable")}"/></w:docVars>'
    return package(
        made._saved(document),
        {
            "word/document.xml": [("<w:body>", f"<w:body>{body}")],
            "word/settings.xml": [("</w:settings>", f"{variable}</w:settings>")],
            "word/footnotes.xml": f'<w:f xmlns:w="w"><w:p>{run(planted("footnote"))}</w:p></w:f>',
            "customXml/item9.xml": f"<a>{planted('custom')}</a>",
        },
    )


def pptx(_):
    from pptx import Presentation
    from pptx.util import Inches

    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[1])
    slide.placeholders[1].text = planted("body")
    slide.notes_slide.notes_text_frame.text = planted("notes")
    shape = slide.shapes.add_table(1, 1, *[Inches(1)] * 4)
    shape.table.cell(0, 0).text = planted("cell")
    shape._element.nvGraphicFramePr.cNvPr.set("descr", planted("description"))
    hidden = slides.slides.add_slide(slides.slide_layouts[1])
    hidden._element.set("show", "0")
    hidden.placeholders[1].text = planted("hidden-slide")
    slides.slide_masters[0].placeholders[0].text = planted("master")
    texts = {"comment": "ppt/comments/comment1.xml", "art": "ppt/diagrams/data1.xml"}
    return package(
        made._saved(slides),
        {
            texts["comment"]: f'<p:c xmlns:p="p"><p:text>{planted("comment")}</p:text></p:c>',
            texts["art"]: f'<a:p xmlns:a="a"><a:t>{planted("art")}</a:t></a:p>',
        },
    )


def xlsx(_):
    from openpyxl import Workbook
    from openpyxl.comments import Comment
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    names = ["first", "hidden", "very-hidden"]
    sheets = [book.active, *(book.create_sheet(name) for name in names[1:])]
    for sheet, name in zip(sheets, names, strict=True):
        sheet.append(["id", "note"])
        sheet.append([1, planted(f"sheet-{name}")])
    sheets[1].sheet_state, sheets[2].sheet_state = "hidden", "veryHidden"
    first = sheets[0]
    first["A2"].comment = Comment(planted("comment"), planted("author"))
    first["C2"] = f'=IF(A2=2,"{planted("formula")}",0)'
    first["B2"].hyperlink = f"mailto:{planted('link')}"
    first.oddHeader.center.text = planted("page-header")
    choices = DataValidation("list", f'"{planted("choice")},b"', prompt=planted("prompt"))
    first.add_data_validation(choices)
    choices.add("D2")
    first.row_dimensions[2].hidden = True
    book.properties.description = planted("property")
    return made._saved(book)


def pdf(_):
    from fpdf import FPDF
    from pypdf import PdfReader, PdfWriter
    from pypdf.annotations import FreeText
    from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

    page = FPDF()
    page.set_font("helvetica")
    page.add_page()
    page.start_section(planted("outline"))
    page.multi_cell(0, 8, planted("body"))
    page.text_annotation(10, 10, planted("note"))
    page.set_author(planted("property"))
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(bytes(page.output()))))
    writer.add_attachment("letter.txt", planted("attachment").encode())
    writer.add_annotation(0, FreeText(text=planted("free-text"), rect=(5, 5, 9, 9)))
    field = DictionaryObject(
        {
            NameObject("/FT"): NameObject("/Tx"),
            NameObject("/T"): TextStringObject("name"),
            NameObject("/V"): TextStringObject(planted("form")),
        }
    )
    form = DictionaryObject({NameObject("/Fields"): ArrayObject([writer._add_object(field)])})
    writer._root_object[NameObject("/AcroForm")] = form
    script = TextStringObject(f"app.alert('{planted('script')}')")
    action = {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): script}
    writer._root_object[NameObject("/OpenAction")] = DictionaryObject(action)
    writer.xmp_metadata = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'rdf:about="{planted("xmp")}"/></rdf:RDF></x:xmpmeta>'
    ).encode()
    sink = io.BytesIO()
    writer.write(sink)
    return sink.getvalue()


def html(_):
    return f"""<html><head><title>{planted("title")}</title>
    <meta name="author" content="{planted("meta")}"><?php {planted("instruction")} ?></head>
    <body onload="go('{planted("handler")}')"><!-- {planted("comment")} -->
    <p data-user="{planted("data")}">{planted("body")}</p><div hidden>{planted("hidden")}</div>
    <script>let a = "{planted("script")}"</script><img src="x?u={planted("source")}">
    <input value="{planted("value")}"><textarea>{planted("area")}</textarea></body>""".encode()


def xml(_):
    return f"""<?xml version="1.0"?><?note {planted("instruction")}?><!-- {planted("comment")} -->
    <a b="{planted("attribute")}">{planted("text")}<![CDATA[{planted("cdata")}]]>
    <c/>{planted("tail")}</a>""".encode()


def eml(_):
    message = EmailMessage()
    message["From"], message["X-Origin"] = planted("from"), planted("other-header")
    message["Subject"] = f"Grüße an {planted('encoded-word')}"
    message.set_content(planted("plain"))
    message.add_alternative(f"<p>{planted('alternative')}", subtype="html")
    message.add_attachment(planted("attached"), filename="letter.txt")
    inner = EmailMessage()
    inner["Subject"] = planted("forwarded")
    inner.set_content(planted("forwarded-body"))
    message.add_attachment(inner)
    parts = list(message.iter_attachments())
    parts[0]["Content-Description"] = planted("description")
    message.preamble, message.epilogue = planted("preamble"), planted("epilogue")
    return bytes(message)


def msg(_):
    def text(tag, value):
        return {f"__substg1.0_{tag}001F": value.encode("utf-16-le")}

    kept = {"__properties_version1.0": bytes(32)}
    attached = {**text("3707", "a.txt"), "__substg1.0_37010102": planted("attachment").encode()}
    return made.compound_file(
        {
            **kept,
            **text("1000", planted("body")),
            **text("0037", planted("subject")),
            **text("007D", f"X-Origin: {planted('transport')}"),
            "__substg1.0_10130102": f"<p>{planted('html')}</p>".encode(),
            "__recip_version1.0_#00000000": text("39FE", planted("recipient")) | kept,
            "__attach_version1.0_#00000000": attached | kept,
        }
    )


def sqlite(folder):
    path = folder / "made.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE t (a, b INTEGER, made TEXT AS ('mark.' || a) VIRTUAL, c BLOB, d)"
        )
        values = [("generated@example.com", planted("text-in-integer"), planted("blob").encode())]
        connection.executemany("INSERT INTO t (a, b, c, d) VALUES (?, ?, ?, 1.5)", values)
        connection.execute("CREATE TABLE u (k TEXT PRIMARY KEY) WITHOUT ROWID")
        connection.execute("INSERT INTO u VALUES (?)", [planted("without-rowid")])
    connection.close()
    content = path.read_bytes()
    path.unlink()
    return content


def archive(_):
    inner = made.tarred(**{"deep.txt": planted("nested").encode()})
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as files:
        files.writestr("a.txt", planted("file"))
        files.writestr("inner.tgz", inner)
        files.writestr("utf-16.csv", f"a,b\n1,{planted('wide')}\n".encode("utf-16"))
        files.writestr(planted("name"), "x")
        files.getinfo("a.txt").comment = planted("entry-comment").encode()
        files.comment = planted("comment").encode()
    return sink.getvalue()


PLACES = {
    "docx": "body cell inner-cell header footer comment author property vanish inserted deleted "
    "box field control variable footnote custom",
    "pptx": "body notes cell description hidden-slide master comment art",
    "xlsx": "sheet-first sheet-hidden sheet-very-hidden comment author formula link page-header "
    "choice prompt property",
    "pdf": "outline body note property attachment script free-text form xmp",
    "html": "title meta instruction handler comment data body hidden script source value area",
    "xml": "instruction comment attribute text cdata tail",
    "eml": "from other-header encoded-word plain alternative attached forwarded forwarded-body "
    "description preamble epilogue",
    "msg": "body subject transport html recipient attachment",
    "sqlite": "generated text-in-integer blob without-rowid",
    "zip": "nested file wide name entry-comment comment",
}
MAKERS = {
    **{"docx": docx, "pptx": pptx, "xlsx": xlsx, "pdf": pdf, "html": html},
    **{"xml": xml, "eml": eml, "msg": msg, "sqlite": sqlite, "zip": archive},
}


def all_text(folder):
    """Return all text that is read, and what is reported as not read."""
    texts, reports = [], []
    for table in find_tables(str(folder)):
        data = LOCAL.collect(read_table(table, LOCAL, incomplete="warn"))
        for row in data.to_pylist():
            report = row.pop(UNREAD, None)
            reports += [report] if report else []
            texts.append(json.dumps(row, ensure_ascii=False, default=str))
        reports += [why for _, why in table.unreadable]
    return "\n".join(texts), reports


@pytest.mark.parametrize("kind", PLACES)
def test_text_in_every_place_is_read(tmp_path, kind):
    content = MAKERS[kind](tmp_path)
    (tmp_path / f"a.{kind}").write_bytes(content)
    text, reports = all_text(tmp_path)
    assert [place for place in PLACES[kind].split() if planted(place) not in text] == []
    assert reports == []
