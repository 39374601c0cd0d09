"""Configuration of ``rai-scale evaluate-pii``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rai_scale.jobs.config import JobConfig
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.quality.labels import Columns


class EvaluatePiiJob(JobConfig):
    """Configuration of ``rai-scale evaluate-pii``; for its keys see ``evaluate_pii``."""

    source: str
    table: str | None = None
    analyzer: AnalyzerConfig = Field(default_factory=AnalyzerConfig)
    baseline: AnalyzerConfig | None = None
    match: Literal["characters", "spans"] = "characters"
    entity_map: dict[str, str | None] = Field(default_factory=dict)
    text: str = Columns().text
    spans: str = Columns().spans
    template: str | None = Columns().template
    column: str | None = None
    confidence: float = Field(0.95, gt=0, lt=1)
