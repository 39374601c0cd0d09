"""Scanned letters: pages of text as pictures, with the box of every planted word."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.errors import MissingExtraError
from rai_scale.samples.marked import Marked
from rai_scale.samples.texts import letter

if TYPE_CHECKING:
    from PIL.Image import Image

    from rai_scale.samples.rows import World

FOLDER, WORDS = "scans", "scans.parquet"
DPI = 150
PAGE = (1240, 1754)
"""Width and height of A4 in pixels."""
_BOXES = ("left", "top", "width", "height")
_SCHEMA = pa.schema(
    [
        *(("file", pa.string()), ("page", pa.int64()), ("entity", pa.string())),
        *(("item", pa.int64()), ("word", pa.string())),
        *((name, pa.int64()) for name in _BOXES),
    ]
)
KINDS = ("png", "jpg", "tiff", "pdf", "png", "jpg", "tiff", "pdf")
"""The kinds of the letters; each TIFF and PDF has two pages, a letter on each."""


class PlantedWord(NamedTuple):
    """A word of a personal item, with its box in pixels; ``item`` numbers the items of a page."""

    entity: str
    item: int
    word: str
    left: int
    top: int
    width: int
    height: int


def write_scans(lake: Path, truth: Path, world: World, seed: int) -> None:
    """Write letters to ``scans/``, and their planted words to ``scans.parquet``.

    Raises
    ------
    MissingExtraError
        If Pillow is not installed.
    """
    folder = lake / FOLDER
    folder.mkdir(parents=True)
    letters = scanned_letters(world, seed)
    rows: list[dict[str, Any]] = []
    for number, kind in enumerate(KINDS, 1):
        name = f"letter-{number}.{kind}"
        pages = [next(letters) for _ in range(2 if kind in ("tiff", "pdf") else 1)]
        (folder / name).write_bytes(picture_file([page for page, _ in pages], kind))
        for at, (_, words) in enumerate(pages, 1):
            rows += [{"file": name, "page": at, **word._asdict()} for word in words]
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), truth / WORDS)


def scanned_letters(world: World, seed: int) -> Iterator[tuple[Image, list[PlantedWord]]]:
    """Yield pages with a letter each, and their planted words; the same seed gives the same ones.

    Raises
    ------
    MissingExtraError
        If Pillow is not installed.
    """
    rng = Random(f"scans/{seed}")  # noqa: S311
    for number in range(world.rows):
        marked = letter(world.people[number], rng)
        if marked.text.isascii():  # what the font can show
            yield draw_page(marked)


def draw_page(
    marked: Marked,
    *,
    points: int = 24,
    size: tuple[int, int] = PAGE,
    shades: tuple[int, int] = (20, 250),
    left: int = 120,
    right: int = 1120,
) -> tuple[Image, list[PlantedWord]]:
    """Return a page with a text, and its planted words.

    Parameters
    ----------
    marked : Marked
    points : int
        Size of the font in pixels.
    size : tuple of int
        Width and height in pixels.
    shades : tuple of int
        Of the letters and the paper, from 0 (black) to 255.
    left, right : int
        Where lines begin, and where they are broken at the latest, in pixels.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ModuleNotFoundError:
        raise MissingExtraError("pillow", "images") from None
    page = Image.new("L", size, shades[1])
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(points)
    step, space = round(1.5 * points), round(font.getlength(" "))
    x, y = left, 3 * points
    found: list[PlantedWord] = []
    for start, word in _words(marked.text):
        width = round(font.getlength(word))
        if start < 0:
            x, y = left, y + step
            continue
        if x + width > right:
            x, y = left, y + step
        draw.text((x, y), word, font=font, fill=shades[0])
        box = tuple(round(edge) for edge in draw.textbbox((x, y), word, font=font))
        place = (box[0], box[1], box[2] - box[0], box[3] - box[1])
        for number, (entity, first, last) in enumerate(marked.spans):
            if start < last and first < start + len(word):
                found.append(PlantedWord(entity, number, word, *place))
        x += width + space
    return page, found


def _words(text: str) -> Iterator[tuple[int, str]]:
    """Yield each word with its position; the position of a line break is -1."""
    at = 0
    for number, line in enumerate(text.split("\n")):
        if number:
            yield -1, ""
        position = at
        for word in line.split(" "):
            if word:
                yield position, word
            position += len(word) + 1
        at += len(line) + 1


def picture_file(pages: Sequence[Image], kind: str) -> bytes:
    """Return pages as a file: png, jpg, tiff or pdf."""
    from PIL import Image

    Image.init()
    target, first = io.BytesIO(), pages[0]
    facts: dict[str, Any] = {"dpi": (DPI, DPI)}
    if kind == "tiff":
        facts["compression"] = "tiff_deflate"
    if kind == "pdf":
        facts = {"resolution": DPI, "title": "Letter", "creationDate": None, "modDate": None}
    if len(pages) > 1:
        facts |= {"save_all": True, "append_images": list(pages[1:])}
    first.save(target, {"jpg": "JPEG"}.get(kind, kind.upper()), **facts)
    return target.getvalue()
