"""Image files are read page by page and written again with nothing but painted pixels."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageSequence
from pypdf import PdfReader

from rai_scale.errors import NotReadError
from rai_scale.tables.images.kinds import open_book
from rai_scale.tables.images.options import DEFAULT_IMAGE_LIMITS, ImageLimits
from rai_scale.tables.images.reading import as_gray
from tests import image_files

BOX = (5, 10, 20, 15)


def repainted(content: bytes, limits: ImageLimits = DEFAULT_IMAGE_LIMITS) -> tuple[bytes, list]:
    """Return the file with a box painted on each page, and the pages as OCR sees them."""
    book = open_book(io.BytesIO(content), limits, 100, b"secret")
    seen = []
    for page in book.pages():
        seen.append(np.asarray(as_gray(page)))
        book.paint([BOX])
    return book.content(), seen


@pytest.mark.parametrize("name", image_files.pictures())
def test_a_picture_keeps_its_pixels_and_loses_its_facts(name):
    content = image_files.pictures()[name]
    new, seen = repainted(content)
    assert image_files.NAME.encode() not in new
    original, written = Image.open(io.BytesIO(content)), Image.open(io.BytesIO(new))
    pages = [np.asarray(as_gray(page)).astype(int) for page in ImageSequence.Iterator(written)]
    assert written.format == original.format
    assert len(pages) == len(seen) == getattr(original, "n_frames", 1)
    assert not dict(written.getexif()) or written.format == "TIFF"
    expected = np.asarray(image_files.gray()).astype(int)
    expected[10:25, 5:25] = 0
    near = 128 if name.startswith("bits") else 12  # dithered; JPEG and CMYK are not exact
    for page in pages:
        assert page.shape == expected.shape  # upright
        assert np.abs(page - expected)[:, :25].max() <= near or name.startswith("bits")
        assert page[12:23, 7:23].max() <= 12
        assert np.abs(page - expected)[:, 35:].mean() <= near


def test_what_is_transparent_cannot_be_made_visible_again():
    new, _ = repainted(image_files.pictures()["clear.png"])
    page = Image.open(io.BytesIO(new))
    assert page.mode == "RGB"
    assert page.getpixel((2, 2)) == (255, 255, 255)  # black below, and transparent


def test_a_pdf_becomes_pictures_without_text_and_attachments():
    new, seen = repainted(image_files.text_pdf())
    assert min(page.min() for page in seen) < 50  # its text is seen
    found = PdfReader(io.BytesIO(new))
    assert len(found.pages) == 2
    assert [page.extract_text() for page in found.pages] == ["", ""]
    assert not found.attachments
    assert set(found.metadata or {}) <= {"/Creator", "/CreationDate"}
    assert image_files.NAME.encode() not in new
    was = PdfReader(io.BytesIO(image_files.text_pdf())).pages[0].mediabox
    assert [float(edge) for edge in found.pages[0].mediabox] == pytest.approx(
        [float(edge) for edge in was], abs=0.01
    )


@pytest.mark.parametrize("name", image_files.dicoms())
def test_a_dicom_file_keeps_its_pixels_and_loses_what_the_profile_removes(name):
    new, seen = repainted(image_files.dicoms()[name])
    pixels = image_files.scans().get(name, image_files.scans()["one.dcm"])
    data = pydicom.dcmread(io.BytesIO(new))
    expected = pixels.copy()
    frames = expected if name == "frames.dcm" else expected[None]
    frames[:, 10:25, 5:25] = pixels.min()
    assert np.array_equal(data.pixel_array, expected)
    assert len(seen) == len(frames)
    for word in (b"Whitfield", b"WHITFIELD", b"MRN88213", b"1980", b"2024", b"ACME", b"5678"):
        assert word not in new
    assert data.PatientIdentityRemoved == "YES"
    assert data.Modality == "US"
    assert data.SOPInstanceUID == data.file_meta.MediaStorageSOPInstanceUID


def test_identifiers_are_replaced_by_the_same_ones_in_all_files_of_a_run():
    first, second = (
        pydicom.dcmread(io.BytesIO(repainted(image_files.dicoms()[name])[0]))
        for name in ("one.dcm", "frames.dcm")
    )
    assert first.StudyInstanceUID == second.StudyInstanceUID != "1.2.3.9999"
    book = open_book(io.BytesIO(image_files.dicoms()["one.dcm"]), ImageLimits(), 100, b"another")
    for _ in book.pages():
        book.paint([])
    assert pydicom.dcmread(io.BytesIO(book.content())).StudyInstanceUID != first.StudyInstanceUID


@pytest.mark.parametrize("name", image_files.unreadable())
def test_a_broken_file_is_refused(name):
    content, why = image_files.unreadable()[name]
    if why.startswith("damaged ("):
        with pytest.raises(OSError):
            repainted(content)
    else:
        with pytest.raises(NotReadError, match=why):
            repainted(content)


@pytest.mark.parametrize(
    ("name", "limits", "why"),
    [
        ("pages.tiff", ImageLimits(max_pages=1), "has more pages than max_pages"),
        ("gray.png", ImageLimits(max_pixels=2399), "a page has more pixels than max_pixels"),
        ("gray.png", ImageLimits(max_bytes=99), "larger than max_bytes"),
    ],
)
def test_limits(name, limits, why):
    with pytest.raises(NotReadError, match=why):
        repainted(image_files.pictures()[name], limits)
