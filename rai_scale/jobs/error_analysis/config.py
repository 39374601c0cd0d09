"""Configuration of ``rai-scale error-analysis``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rai_scale.jobs.config import JobConfig
from rai_scale.pii.analysis.config import Frozen


class SliceOptions(Frozen):
    """Options of ``find_slices``."""

    bins: int = Field(10, ge=2)
    depth: int = Field(3, ge=1)
    k: int = Field(20, ge=1)
    min_rows: int = Field(100, ge=1)
    alpha: float = Field(0.95, gt=0, le=1)
    score: Literal["sliceline", "divergence"] = "sliceline"
    confirm_by: tuple[str, ...] | None = None


class HeatmapOptions(Frozen):
    """Options of ``error_heatmap``."""

    features: tuple[str, ...] = Field(min_length=1, max_length=2)
    bins: int = Field(8, ge=2)
    binning: Literal["equal_width", "quantile"] | dict[str, tuple[float, ...]] = "equal_width"


class ErrorAnalysisJob(JobConfig):
    """Configuration of ``rai-scale error-analysis``: the arguments of ``error_tree``.

    ``slices`` also searches combinations of values; ``heatmaps`` also counts errors by one or two
    features.
    """

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
    slices: SliceOptions | None = None
    heatmaps: tuple[HeatmapOptions, ...] = ()
