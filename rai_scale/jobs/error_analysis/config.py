"""Configuration of ``rai-scale error-analysis``."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from rai_scale.jobs.config import JobConfig


class ErrorAnalysisJob(JobConfig):
    """Configuration of ``rai-scale error-analysis``: the arguments of ``error_tree``."""

    source: str
    table: str | None = None
    y_true: str
    y_pred: str
    features: tuple[str, ...] | None = None
    categorical: tuple[str, ...] = ()
    metric: str = "error_rate"
    max_depth: int = Field(3, ge=1)
    num_leaves: int = Field(31, ge=2)
    min_child_samples: int = Field(20, ge=1)
    sample_weight: str | None = None
    where: str | dict[str, Any] | None = None
    confidence: float = Field(0.95, gt=0, lt=1)
    random_state: int = 0
