"""Configuration of ``rai-scale redact-images``."""

from __future__ import annotations

from pydantic import Field

from rai_scale.jobs.config import JobConfig
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.tables.images.options import DEFAULT_IMAGE_LIMITS, DEFAULT_OCR, ImageLimits, Ocr


class RedactImagesJob(JobConfig):
    """Configuration of ``rai-scale redact-images``; for its keys see ``redact_images``."""

    source: str
    ocr: Ocr = DEFAULT_OCR
    limits: ImageLimits = DEFAULT_IMAGE_LIMITS
    ignore: tuple[str, ...] = ()
    analyzer: AnalyzerConfig = Field(default_factory=AnalyzerConfig)
