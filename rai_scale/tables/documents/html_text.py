"""HTML pages: visible text, comments, scripts, and attributes that hold text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from rai_scale.tables.dialect import HEAD_BYTES
from rai_scale.tables.documents.plain_text import declared_encoding
from rai_scale.tables.documents.work import Entry, Row, Work, blocks

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_INLINE_TAGS = """
    a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark q s samp small
    span strike strong sub sup time tt u var wbr
"""
_INLINE = frozenset(_INLINE_TAGS.split())
_LAYOUT_WORDS = """
    align async border cellpadding cellspacing charset class color colspan crossorigin d defer dir
    fill for height http-equiv id integrity lang loading media method name nonce rel role rowspan
    sizes stroke style tabindex target type valign viewbox width
"""
_LAYOUT = frozenset(_LAYOUT_WORDS.split())
"""Attributes without text; all others are read, such as ``data-...``, links and handlers."""
_STEP = 1 << 16


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.done: list[Row] = []
        self.pictures = 0
        self._text: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _INLINE:
            self.flush()
        self._style = tag == "style"
        for name, value in attrs:
            if name == "src" and (value or "").startswith("data:"):
                self.pictures += 1
            elif value and name not in _LAYOUT and not name.startswith("xmlns"):
                self.done.append((self._place(), value.removeprefix("mailto:")))

    def handle_endtag(self, tag: str) -> None:
        self._style = False
        if tag not in _INLINE:
            self.flush()

    def handle_data(self, data: str) -> None:
        if not self._style:
            self._text.append(data)

    def handle_comment(self, data: str) -> None:
        self.done.append((self._place(), data))

    def handle_pi(self, data: str) -> None:
        self.done.append((self._place(), data))

    def unknown_decl(self, data: str) -> None:
        self.done.append((self._place(), data))

    def flush(self) -> None:
        text = " ".join("".join(self._text).split())
        self._text = []
        if text:
            self.done.append((self._place(), text))

    def _place(self) -> str:
        return f"line {self.getpos()[0]}"


def read_html(entry: Entry, work: Work) -> Iterator[Row]:
    """Yield blocks of text, with the number of the line where they end."""
    content = entry.content(work)
    page = _Page()
    declared = _CHARSET.search(content[:4096])
    encoding = declared_encoding(content[:HEAD_BYTES], declared and declared.group(1))
    yield from blocks(_texts(page, content.decode(encoding, "replace")))
    if page.pictures:
        work.note("picture: not a supported format")


def _texts(page: _Page, text: str) -> Iterator[Row]:
    for at in range(0, len(text), _STEP):
        page.feed(text[at : at + _STEP])
        yield from page.done
        page.done = []
    page.close()
    page.flush()
    yield from page.done
