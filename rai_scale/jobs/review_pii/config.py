"""Configuration of ``rai-scale review-pii``."""

from __future__ import annotations

from pydantic import Field, field_validator

from rai_scale.jobs.config import JobConfig
from rai_scale.pii.analysis.config import AnalyzerConfig


class ReviewPiiJob(JobConfig):
    """Configuration of ``rai-scale review-pii``; for its keys see ``review_pii``.

    ``output`` is a local folder: the page in it shows personal data.
    """

    source: str
    table: str | None = None
    columns: tuple[str, ...] = Field(min_length=1)
    analyzer: AnalyzerConfig = Field(default_factory=AnalyzerConfig)
    texts: int = Field(200, ge=2)
    flagged_share: float = Field(0.5, gt=0, lt=1)
    sample_rows: int | None = Field(10_000, ge=1)
    random_state: int = 0

    @field_validator("output")
    @classmethod
    def _on_this_machine(cls, output: str) -> str:
        if "://" in output:
            raise ValueError("a review needs a local folder, because its page shows personal data")
        return output
