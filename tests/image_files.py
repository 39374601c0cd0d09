"""Small image files of all kinds, each with a black bar to paint next to, and broken ones."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pydicom
from fpdf import FPDF
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

NAME = "Whitfield"
SIZE = (60, 40)


def gray() -> Image.Image:
    """Return a page that is white on the left and has shades on the right."""
    shades = np.full(SIZE[::-1], 255, "uint8")
    shades[:, 30:] = np.arange(30, dtype="uint8") * 5
    return Image.fromarray(shades)


def saved(page: Image.Image, format: str, **options: Any) -> bytes:
    """Return a picture as a file."""
    target = io.BytesIO()
    page.save(target, format, **options)
    return target.getvalue()


def facts(orientation: int = 1) -> Image.Exif:
    """Return EXIF data with a name."""
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = NAME, orientation
    return exif


def clear() -> Image.Image:
    """Return a page whose left half is transparent, with black below."""
    page = gray().convert("RGBA")
    left = Image.new("RGBA", (30, 40), (0, 0, 0, 0))
    page.paste(left, (0, 0))
    return page


def pictures() -> dict[str, bytes]:
    """Return files that are read, by name."""
    page, sixteen = gray(), Image.fromarray(np.asarray(gray()).astype("uint16") * 200)
    turned = page.convert("RGB").transpose(Image.Transpose.ROTATE_90)
    two = {"save_all": True, "append_images": [gray()]}
    return {
        "gray.png": saved(page, "PNG", exif=facts()),
        "colour.jpg": saved(page.convert("RGB"), "JPEG", quality=95, comment=NAME.encode()),
        "turned.jpg": saved(turned, "JPEG", quality=95, exif=facts(6)),
        "palette.png": saved(page.convert("P"), "PNG"),
        "cmyk.jpg": saved(page.convert("RGB").convert("CMYK"), "JPEG", quality=95),
        "clear.png": saved(clear(), "PNG"),
        "sixteen.png": saved(sixteen, "PNG"),
        "sixteen.tiff": saved(sixteen, "TIFF"),
        "bits.tiff": saved(page.convert("1"), "TIFF", compression="group4"),
        "pages.tiff": saved(page, "TIFF", description=NAME, **two),
        "moving.gif": saved(page, "GIF", comment=NAME.encode(), duration=80, **two),
        "moving.png": saved(page, "PNG", duration=80, **two),
        "page.webp": saved(page.convert("RGB"), "WEBP", lossless=True, exif=facts()),
        "page.bmp": saved(page, "BMP"),
    }


def text_pdf(**encryption: Any) -> bytes:
    """Return a PDF of two pages with text, properties and an attachment."""
    pdf = FPDF(format=(100, 60))
    pdf.set_title(NAME)
    for _ in range(2):
        pdf.add_page()
        pdf.set_font("Helvetica", size=10)
        pdf.cell(text=f"Dear {NAME}")
    pdf.embed_file(bytes=NAME.encode(), basename="note.txt")
    if encryption:
        pdf.set_encryption(**encryption)
    return bytes(pdf.output())


def bomb() -> bytes:
    """Return a PNG of a kilobyte that claims to have 30,000 x 30,000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + chunk(b"IDAT", zlib.compress(bytes(999)))
        + chunk(b"IEND", b"")
    )


def dicom(frames: np.ndarray | None, kind: str = "MONOCHROME2", bits: int = 12) -> bytes:
    """Return a DICOM file with a name in attributes at several levels, also in private ones."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.SourceApplicationEntityTitle = NAME.upper()
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5678"
    data.StudyInstanceUID, data.Modality = "1.2.3.9999", "US"
    data.PatientName, data.PatientID = f"{NAME}^Jonathan", "MRN88213"
    data.PatientBirthDate, data.StudyDate = "19800312", "20240501"
    data.ImageComments = f"{NAME} was here"
    for name in ("SourceImageSequence", "PerformedProtocolCodeSequence"):
        inner = Dataset()
        inner.PatientName = f"{NAME}^Jonathan"
        inner.private_block(0x0009, "ACME", create=True).add_new(1, "LO", NAME)
        setattr(data, name, Sequence([inner]))
    data.private_block(0x0019, "ACME", create=True).add_new(1, "LO", NAME)
    data.add_new(0x60003000, "OW", NAME.encode() + b" ")
    if frames is not None:
        data.set_pixel_data(frames, kind, bits, generate_instance_uid=False)
    target = io.BytesIO()
    data.save_as(target, enforce_file_format=True)
    return target.getvalue()


def scans() -> dict[str, np.ndarray]:
    """Return the pixels of DICOM files, by name."""
    page = np.asarray(gray())
    return {
        "one.dcm": page.astype("uint16") * 16,
        "signed.dcm": page.astype("int16") * 8 - 1000,
        "frames.dcm": np.stack([page, page, page]),
        "colour.dcm": np.stack([page] * 3, -1),
    }


def dicoms() -> dict[str, bytes]:
    """Return DICOM files that are read, by name; one is compressed."""
    found = {}
    for name, pixels in scans().items():
        coloured = name == "colour.dcm"
        bits = {"uint16": 12, "int16": 16}.get(str(pixels.dtype), 8)
        found[name] = dicom(pixels, "RGB" if coloured else "MONOCHROME2", bits)
    data = pydicom.dcmread(io.BytesIO(found["one.dcm"]))
    data.compress(RLELossless, generate_instance_uid=False)
    target = io.BytesIO()
    data.save_as(target)
    return found | {"packed.dcm": target.getvalue()}


def unreadable() -> dict[str, tuple[bytes, str]]:
    """Return files that are not read, by name, with the reasons."""
    good = pictures()
    return {
        "empty.png": (b"", "empty"),
        "text.png": (b"hello world", "unknown kind of file"),
        "cut.png": (good["gray.png"][:-40], "damaged (OSError)"),
        "cut.jpg": (good["colour.jpg"][:700], "damaged (OSError)"),
        "bomb.png": (bomb(), "a page has more pixels than max_pixels"),
        "locked.pdf": (text_pdf(owner_password="o", user_password="u"), "password protected"),
        "cut.pdf": (text_pdf()[:300], "damaged"),
        "report.dcm": (dicom(None), "DICOM file without pixels"),
    }
