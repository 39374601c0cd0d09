"""Redact all images of a folder on an engine, one task per file."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rai_scale.engines.choose import engine_named
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, MissingExtraError, TableError
from rai_scale.pii.analysis.analyzer import get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig, analyzer_config
from rai_scale.pii.images.find_files import find_image_files
from rai_scale.pii.images.redact_file import RedactFile
from rai_scale.pii.images.result import ImageRedaction, make_result
from rai_scale.tables.images.options import DEFAULT_IMAGE_LIMITS, DEFAULT_OCR, ImageLimits, Ocr
from rai_scale.tables.images.tesseract import check_tesseract
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.pointer import names_in
from rai_scale.tables.source import Lake

_PACKAGES = ("PIL", "pypdfium2", "pydicom", "dicomanonymizer")


def redact_images(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    engine: str | Engine = "local",
    ocr: Ocr = DEFAULT_OCR,
    limits: ImageLimits = DEFAULT_IMAGE_LIMITS,
    ignore: Sequence[str] = (),
    analyzer: AnalyzerConfig | None = None,
    **analyzer_options: Any,
) -> ImageRedaction:
    """Paint over the personal data in the text of images. It runs at once, one task per file.

    Text is read by Tesseract, and searched by the same analyzer as the text of tables. A file is
    written only if all of its pages were read. Written files have the same relative paths and hold
    the pixels alone: no EXIF, comments, colour profiles or thumbnails. Transparent parts become
    white. A PDF becomes pictures of its pages, without its text, attachments and properties. In a
    DICOM file, pixels of all frames are redacted, and attributes are removed or replaced by the
    Basic Profile of DICOM PS3.15 Annex E; words of its names, numbers and birth dates are also
    painted over in its pixels.

    Personal data that OCR or the analyzer does not recognise stays: handwriting, faces and
    signatures are not searched for.

    Parameters
    ----------
    source : str or path
        A file or a folder with PNG, JPEG, TIFF, GIF, BMP, WebP, PDF and DICOM files, which are
        recognised by their content.
    output : str or path
        A new or an empty folder.
    engine : {"local", "dask", "spark"} or Engine
    ocr : Ocr
        How text is read: language, resolution of PDF pages, thoroughness.
    limits : ImageLimits
        Limits on bytes, pixels, pages, seconds and memory per file.
    ignore : sequence of str
        Patterns of paths or names to leave out.
    analyzer : AnalyzerConfig, optional
        What to search for.
    **analyzer_options
        The fields of :class:`AnalyzerConfig` instead of ``analyzer``.

    Returns
    -------
    ImageRedaction
        Every file as redacted, nothing found, or not read; and the findings with their boxes.

    Raises
    ------
    ConfigError
        If an option is invalid, if there is no file, or if Tesseract or the data of a language is
        not installed.
    TableError
        If the source does not exist, or the output is not empty.
    MissingExtraError, MissingModelError
        If a package or the spaCy model is not installed.
    """
    config = analyzer_config(analyzer, analyzer_options, redact_images)
    if config.language_column:
        raise ConfigError("language_column: images have no columns; remove it.")
    runner = engine_named(engine) if isinstance(engine, str) else engine
    lake = find_image_files(os.fspath(source), ignore)
    check_installed(config, ocr, runner)
    target = place_of(os.fspath(output))
    if target.fs.isfile(target.path) or names_in(target):
        raise TableError(f"{target.url!r} is not empty; choose a new folder.")
    return redact_image_files(lake, target, runner, config, ocr, limits)


def redact_image_files(  # noqa: PLR0917 - all are needed
    lake: Lake,
    target: Place,
    engine: Engine,
    analyzer: AnalyzerConfig,
    ocr: Ocr,
    limits: ImageLimits,
) -> ImageRedaction:
    """Redact files that were found; see :func:`redact_images`."""
    files = [file.path for file in lake[0].files]
    if not files and not lake.skipped:
        raise ConfigError("there is no file to redact; the source is empty.")
    task = RedactFile(lake[0].folder, target.url, analyzer, ocr, limits, secrets.token_bytes(32))
    outcomes = engine.map_tasks(task, files)
    skipped = [(s.path, s.reason) for s in lake.skipped if not s.harmless]
    settings = {"ocr": asdict(ocr), "limits": asdict(limits), "entities": analyzer.entities}
    return make_result(outcomes, skipped, settings=settings, engine=engine.name, output=target.url)


def check_installed(config: AnalyzerConfig, ocr: Ocr, engine: Engine) -> None:
    """Raise an error if this machine, whose workers read the files, lacks a program or package."""
    from importlib.util import find_spec

    if engine.name == "spark" and shutil.which("tesseract") is None:
        return  # each worker checks for itself
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtraError(missing[0], "images")
    check_tesseract(ocr.language)
    if engine.name != "spark":
        get_analyzer(config)
