"""Images are redacted: what Presidio finds is painted over, on every engine, and no longer read."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pypdfium2
import pytest
from PIL import Image, ImageOps, ImageSequence

from rai_scale.errors import ConfigError, OptionError, TableError
from rai_scale.pii import redact_images, scan
from rai_scale.pii.analysis.analyzer import get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.images.boxes import find_on_page
from rai_scale.pii.images.image_process import PageWords
from rai_scale.samples.people import People, make_pools
from rai_scale.samples.rows import World
from rai_scale.samples.scans import DPI, PlantedWord, draw_page, scanned_letters, write_scans
from rai_scale.samples.texts import letter
from rai_scale.tables.images import tesseract
from rai_scale.tables.images.options import ImageLimits, Ocr
from rai_scale.tables.images.reading import read_page
from rai_scale.tables.images.slant import tilt_of
from rai_scale.tables.images.tesseract import Word, program_version, words_in
from rai_scale.tables.images.tesseract_library import loaded_tesseract
from tests import image_files
from tests.conftest import full
from tests.jobs.small_lake import MODEL

ANALYZER = AnalyzerConfig(model=MODEL, preset="business_en")
needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="needs Tesseract (Debian: tesseract-ocr)"
)


def world(rows: int = 40) -> World:
    pools = make_pools(7)
    return World(rows, People(7, pools), pools)


def plain(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def still_read(page: Image.Image, words: list[PlantedWord]) -> list[PlantedWord]:
    """Return the planted words that a second OCR reads where they were."""
    seen = words_in(page.convert("L"), "eng", 60)
    return [
        word
        for word in words
        for read in seen
        if read.left <= word.left + word.width / 2 <= read.left + read.width
        and read.top <= word.top + word.height / 2 <= read.top + read.height
        and plain(word.word)
        and plain(word.word) in plain(read.text)
    ]


@pytest.mark.full
@needs_tesseract
def test_the_library_reads_what_the_program_reads_whatever_it_read_before():
    letters = [page.crop((0, 0, 900, 400)) for page, _ in islice(scanned_letters(world(), 3), 2)]
    loaded = loaded_tesseract("eng", program_version())
    if loaded is None:
        pytest.skip("the library of this Tesseract is not found")
    pages = [*letters, ImageOps.invert(letters[0]), Image.new("L", (50, 50), 255), letters[0]]
    tsv = ["-l", "eng", "tsv"]
    expected = [tesseract._run(page, tsv, 60).splitlines()[1:] for page in pages]
    assert len(expected[0]) > 20
    assert [loaded.tsv(page, 60).splitlines() for page in pages] == expected
    assert loaded.tsv(letters[0], 0.01) is None  # not enough time
    assert loaded.tsv(letters[0], 60).splitlines() == expected[0]
    assert loaded_tesseract("eng", "another version") is None


def pages_of(path: Path) -> list[Image.Image]:
    if path.suffix == ".pdf":
        found = pypdfium2.PdfDocument(path)
        return [page.render(scale=DPI / 72).to_pil() for page in found]
    return [page.copy() for page in ImageSequence.Iterator(Image.open(path))]


@needs_tesseract
def test_smoke_a_letter_loses_its_personal_words_and_keeps_the_others(tmp_path):
    page, words = next(scanned_letters(world(), 3))
    (tmp_path / "in" / "a").mkdir(parents=True)
    page.save(tmp_path / "in" / "a" / "letter.png")
    (tmp_path / "in" / "note.txt").write_text("not an image")
    done = redact_images(tmp_path / "in", tmp_path / "out", analyzer=ANALYZER)
    assert done.totals() | {"findings": 0} == {
        **{"files": 2, "redacted": 1, "nothing_found": 0, "not_read": 1, "pages": 1, "findings": 0}
    }
    assert done.not_read() == [{"file": "note.txt", "why": "unknown kind of file"}]
    assert [p.name for p in (tmp_path / "out").rglob("*")] == ["a", "letter.png"]
    new = Image.open(tmp_path / "out" / "a" / "letter.png")
    assert len(still_read(new, words)) <= 0.02 * len(words)
    assert {"sincerely,", "telephone"} <= {word.text for word in words_in(new, "eng", 60)}
    black = np.asarray(new)
    for row in done.to_pandas().itertuples():
        box = black[row.top : row.top + row.height, row.left : row.left + row.width]
        assert box.max() == 0
    assert {"file", "page", "entity", "score", "left"} <= set(done.to_pandas().columns)


@pytest.mark.full
@needs_tesseract
def test_98_percent_of_the_planted_words_are_unreadable_in_all_kinds_of_files(tmp_path):
    (tmp_path / "truth").mkdir()
    write_scans(tmp_path, tmp_path / "truth", world(), 7)
    before = set(Path(tempfile.gettempdir()).iterdir())
    done = redact_images(tmp_path / "scans", tmp_path / "out", analyzer=ANALYZER)
    assert set(done.files["status"]) == {"redacted"}
    truth = pd.read_parquet(tmp_path / "truth" / "scans.parquet")
    left = total = 0
    for (file, number), rows in truth.groupby(["file", "page"]):
        columns = rows[list(PlantedWord._fields)]
        words = [PlantedWord(*row) for row in columns.itertuples(index=False)]
        left += len(still_read(pages_of(tmp_path / "out" / file)[number - 1], words))
        total += len(words)
    assert total > 200
    assert left <= 0.02 * total
    new = set(Path(tempfile.gettempdir()).iterdir()) - before
    assert not [path for path in new if "tess" in path.name or path.suffix in (".png", ".ppm")]


def _turned(page: Image.Image) -> Image.Image:
    return page.transpose(Image.Transpose.ROTATE_90)


def _speckled(page: Image.Image) -> Image.Image:
    specks = np.random.default_rng(1).normal(0, 40, (page.height, page.width))
    return Image.fromarray((np.asarray(page) + specks).clip(0, 255).astype("uint8"))


def _slanted(page: Image.Image) -> Image.Image:
    return page.rotate(8, resample=Image.Resampling.BICUBIC, fillcolor=250)


HARD = {
    "slanted": (draw_page, _slanted),
    "speckled": (draw_page, _speckled),
    "turned by 90 degrees": (draw_page, _turned),
    "upside down": (draw_page, lambda p: p.transpose(Image.Transpose.ROTATE_180)),
    "white on black": (draw_page, ImageOps.invert),
    "low contrast": (lambda m: draw_page(m, shades=(190, 215)), lambda p: p),
    "small print": (lambda m: draw_page(m, points=12, right=600), lambda p: p),
}
SLOW = ("slanted", "speckled")


@pytest.mark.full
@needs_tesseract
def test_a_page_with_slanted_lines_is_doubtful_and_read_again_upright():
    """OCR reads it with confidence, and many words wrongly."""
    page, words = draw_page(letter(world().people[0], Random(5)))
    (straight,) = read_page(page, Ocr(), lambda: 60.0)
    planted = {plain(word.word) for word in words} & {plain(word.text) for word in straight}
    assert tilt_of(straight) < 1
    for angle in (5, -5):
        slanted = page.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=250)
        readings = read_page(slanted, Ocr(), lambda: 60.0)
        assert 4 < tilt_of(readings[0]) < 6
        found = {plain(word.text) for words in readings for word in words}
        assert len(planted - found) <= 1


@needs_tesseract
@pytest.mark.parametrize(
    "kind",
    # OCR takes minutes for these pages
    [full(k) if k not in SLOW else pytest.param(k, marks=pytest.mark.proof) for k in HARD],
)
def test_hard_pages(kind, tmp_path):
    draw, change = HARD[kind]
    (tmp_path / "in").mkdir()
    planted = {}
    rng = Random(5)
    people = world().people
    for number in range(4):
        marked = letter(people[number], rng)
        page, words = draw(marked)
        change(page).save(tmp_path / "in" / f"{number}.png")
        planted[f"{number}.png"] = (page, words)
    limits = ImageLimits(max_seconds=300)
    redact_images(tmp_path / "in", tmp_path / "out", limits=limits, analyzer=ANALYZER)
    back = {"turned by 90 degrees": Image.Transpose.ROTATE_270}
    back["upside down"] = Image.Transpose.ROTATE_180
    left = total = 0
    for name, (_, words) in planted.items():
        new = Image.open(tmp_path / "out" / name)
        new = new.transpose(back[kind]) if kind in back else new
        if kind == "slanted":
            new = new.convert("L").rotate(-8, resample=Image.Resampling.BICUBIC, fillcolor=250)
        new = ImageOps.invert(new.convert("L")) if kind == "white on black" else new
        left += len(
            still_read(
                new.resize((new.width * 2, new.height * 2)),
                [
                    w._replace(
                        left=2 * w.left, top=2 * w.top, width=2 * w.width, height=2 * w.height
                    )
                    for w in words
                ],
            )
        )
        total += len(words)
    assert left <= 0.05 * total


@pytest.mark.full
@needs_tesseract
def test_every_file_is_in_one_state_on_every_engine(cluster_case, tmp_path):
    (tmp_path / "in").mkdir()
    good = {**image_files.pictures(), **image_files.dicoms(), "text.pdf": image_files.text_pdf()}
    bad = image_files.unreadable()
    for name, content in {**good, **{n: c for n, (c, _) in bad.items()}}.items():
        (tmp_path / "in" / name).write_bytes(content)
    (tmp_path / "in" / "link.png").symlink_to("/etc/hostname")
    done = redact_images(
        tmp_path / "in",
        tmp_path / "out",
        engine=cluster_case.engine,
        analyzer=ANALYZER,
        ignore=["*.bmp"],
    )
    states = done.to_pandas("files").set_index("file")
    expected = {name: why for name, (_, why) in bad.items()}
    expected["link.png"] = "link to a path outside the lake: not followed"
    found = states[states["status"] == "not read"]["why"].to_dict()
    assert found == expected
    assert set(states[states["status"] != "not read"].index) == set(good) - {"page.bmp"}
    written = {path.name for path in (tmp_path / "out").rglob("*")}
    assert written == set(good) - {"page.bmp"}
    assert states.loc["text.pdf", "pages"] == 2
    assert states.loc["text.pdf", "status"] == "redacted"


@pytest.mark.full
@needs_tesseract
def test_a_page_that_takes_too_long_is_not_read(tmp_path):
    page, _ = next(scanned_letters(world(), 3))
    page.save(tmp_path / "letter.png")
    limits = ImageLimits(max_seconds=0.6)
    done = redact_images(
        tmp_path / "letter.png", tmp_path / "out", limits=limits, analyzer=ANALYZER
    )
    assert done.not_read() == [
        {"file": "letter.png", "why": "a page was not read within max_seconds"}
    ]


def words_of(text: str) -> list[Word]:
    """Return the words of a text on one line, each with a box of its own."""
    return [
        Word(word, 30 * number, 5, 25, 12, 95.0, (1, 1, 1))
        for number, word in enumerate(text.split())
    ]


@pytest.mark.full
@pytest.mark.parametrize("seed", range(3))
def test_the_boxes_are_those_of_presidio_and_of_words_that_it_drops(seed):
    """Presidio leaves out words whose finding is neither within the word nor the other way round."""
    reference = pytest.importorskip("presidio_image_redactor").ImageAnalyzerEngine
    analyzer = get_analyzer(ANALYZER)
    people, rng = world(400).people, Random(seed)
    dropped = total = 0
    for number in range(20):
        words = words_of(letter(people[number], rng).text)
        text = " ".join(word.text for word in words)
        (analysis,) = analyzer.analyze([text])
        names = ("text", "left", "top", "width", "height")
        read = {name: [getattr(word, name) for word in words] for name in names}
        boxes = reference.map_analyzer_results_to_bounding_boxes(
            list(analysis.results), read, text, []
        )
        theirs = {(b.entity_type, b.left, b.top, b.width, b.height) for b in boxes}
        findings = find_on_page(PageWords(1, [words], {}), analyzer).findings
        ours = {(f.entity, *f[2:]): f.score for f in findings}
        assert theirs <= set(ours)
        touched: dict = {}
        start = 0
        for word in words:
            end = start + len(word.text)
            for r in analysis.results:
                if r.start < end and start < r.end:
                    key = (r.entity_type, word.left, word.top, word.width, word.height)
                    touched[key] = max(r.score, touched.get(key, 0))
            start = end + 1
        assert ours == touched
        dropped += len({box[1] for box in ours} - {box[1] for box in theirs})
        total += len({box[1] for box in ours})
    print(dropped, total)
    assert dropped <= 0.05 * total


def test_a_name_that_is_glued_to_another_word_is_found():
    words = words_of("Patient:Jonathan Whitfield, aged 40")
    found = find_on_page(PageWords(1, [words], {}), get_analyzer(ANALYZER)).findings
    assert {f.left for f in found if f.entity == "PERSON"} >= {30}


def test_words_that_a_dicom_file_names_are_found():
    words = words_of("zzq MRN88213 12/03/1980 unrelated")
    known = {"mrn88213": "DICOM_TAG", "12031980": "DATE_TIME"}
    found = find_on_page(PageWords(1, [words], known), get_analyzer(ANALYZER)).findings
    assert ("DICOM_TAG", 1.0, 30) in {(f.entity, f.score, f.left) for f in found}
    assert ("DATE_TIME", 60) in {(f.entity, f.left) for f in found}


@needs_tesseract
def test_options_are_checked(tmp_path):
    with pytest.raises(OptionError, match="max_pixels must be a positive number"):
        ImageLimits(max_pixels=0)
    with pytest.raises(OptionError, match="dpi must be an integer from 50 to 1200"):
        Ocr(dpi=20)
    (tmp_path / "in").mkdir()
    with pytest.raises(ConfigError, match="there is no file to redact"):
        redact_images(tmp_path / "in", tmp_path / "out", analyzer=ANALYZER)
    with pytest.raises(ConfigError, match="no data for the language 'xyz'"):
        redact_images(tmp_path / "in", tmp_path / "out", ocr=Ocr("xyz"), analyzer=ANALYZER)
    with pytest.raises(TableError, match="does not exist"):
        redact_images(tmp_path / "none", tmp_path / "out", analyzer=ANALYZER)
    (tmp_path / "in" / "a.png").write_bytes(image_files.pictures()["gray.png"])
    with pytest.raises(TableError, match="is not empty; choose a new folder"):
        redact_images(tmp_path / "in", tmp_path / "in", analyzer=ANALYZER)


@pytest.mark.full
@needs_tesseract
def test_a_scan_reads_images_only_if_it_is_asked_to(tmp_path):
    (tmp_path / "truth").mkdir()
    write_scans(tmp_path, tmp_path / "truth", world(), 7)
    for path in (tmp_path / "scans").iterdir():
        if path.stem not in ("letter-1", "letter-4"):
            path.unlink()
    with zipfile.ZipFile(tmp_path / "scans" / "mail.zip", "w") as archive:
        archive.write(tmp_path / "scans" / "letter-1.png", "letter.png")
    without = scan(tmp_path / "scans", analyzer=ANALYZER)
    assert {item.where.rpartition("/")[2] for item in without.unread()} == {
        *("letter-1.png", "letter-4.pdf", "mail.zip")
    }
    assert without.to_pandas()["entity"].isna().all()
    found = scan(tmp_path / "scans", images=True, analyzer=ANALYZER)
    assert not found.unread()
    frame = found.to_pandas()
    for entity in ("PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "IP_ADDRESS"):
        where = frame[(frame["entity"] == entity) & (frame["column"] == "text")]
        assert set(where["table"]) == {"letter-1", "letter-4", "mail"}
