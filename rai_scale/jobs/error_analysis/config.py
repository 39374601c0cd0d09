"""Configuration of ``rai-scale error-analysis``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from rai_scale.error_analysis.private.declared_bins import DeclaredBins
from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.private_options import PrivateOptions, need_unit
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


class ComparisonOptions(Frozen):
    """Options of ``compare_cohorts``."""

    metrics: tuple[str, ...] = Field(("error_rate",), min_length=1)
    bins: int = Field(10, ge=2)
    shap_prefix: str | None = None
    top: int = Field(10, ge=1)
    n_boot: int = Field(200, ge=2)


class EarlierRun(Frozen):
    """The table of an earlier run, with the same columns."""

    source: str
    table: str | None = None


EXACT_ONLY = (
    *("slices", "cohorts", "drift", "where"),
    *("sample_weight", "categorical", "mlflow"),
)
"""Keys that the private mode does not have."""


class ErrorAnalysisJob(JobConfig):
    """Configuration of ``rai-scale error-analysis``: the arguments of ``error_tree``.

    ``slices`` also searches combinations of values; ``heatmaps`` also counts errors by one or two
    features; ``cohorts`` are compared with the first of them; ``drift`` compares the nodes with
    those of an earlier run. With ``private``, noise is added once to the counts of the bins in
    ``declared``, and tree and heatmaps are computed from that release.
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
    cohorts: dict[str, str | dict[str, Any]] = Field(default_factory=dict)
    comparison: ComparisonOptions = ComparisonOptions()
    drift: EarlierRun | None = None
    private: PrivateOptions | None = None
    declared: DeclaredBins | None = None

    @model_validator(mode="after")
    def _sound(self) -> ErrorAnalysisJob:
        if len(self.cohorts) == 1:
            raise ValueError("cohorts needs at least two: the others are compared with the first")
        if (self.private is None) != (self.declared is None):
            raise ValueError("private and declared (the bins of the features) need each other")
        if self.private is None or self.declared is None:
            return self
        need_unit(self.private)
        odd = [name for name in EXACT_ONLY if getattr(self, name)]
        odd += ["metric"] if self.metric != "error_rate" else []
        plain = HeatmapOptions(features=("",))
        odd += [
            f"heatmaps.{name}"
            for name in ("bins", "binning")
            if any(getattr(one, name) != getattr(plain, name) for one in self.heatmaps)
        ]
        if odd:
            raise ValueError(f"{', '.join(odd)} cannot be used with private; leave it out")
        return self
