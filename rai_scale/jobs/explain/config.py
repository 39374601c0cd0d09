"""Configuration of ``rai-scale explain``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rai_scale.errors import did_you_mean
from rai_scale.jobs.config import JobConfig
from rai_scale.pii.config import Frozen

EXPLAINED = "explained"


class Permutation(Frozen):
    """Permutation importance: by how much a score gets worse when a feature is shuffled.

    ``scoring`` is scikit-learn's name of a score; by default accuracy, or R2.
    """

    y_true: str
    scoring: str | None = None
    repeats: int = Field(5, ge=1)


class ExplainJob(JobConfig):
    """Configuration of ``rai-scale explain``.

    ``row_pages`` writes so many rows with their values, and their keys, into report and result:
    personal data, if the table holds any. ``reasons`` adds a text with so many reasons to each
    explained row. ``partial_dependence`` names features, and pairs of them as lists of two; the
    grid of a pair has at most ten points per feature. ``replicates`` adds the independent estimates
    of sampled SHAP values, so that intervals of importance hold their error.
    """

    source: str
    table: str | None = None
    format: Literal["parquet", "delta"] = "parquet"
    model: str
    trusted: bool = False
    features: tuple[str, ...] = Field(min_length=1)
    key_columns: tuple[str, ...] = ()
    method: str = "shap"
    explain_class: str | int | float | None = None
    classes: tuple[str | int | float, ...] | None = None
    explained: Literal["probability", "raw"] = "probability"
    background: str | None = None
    background_rows: int = Field(100, ge=1)
    max_evals: int | None = Field(None, ge=1)
    target_error: float | None = Field(None, gt=0)
    replicates: bool = False
    perturbation: Literal["interventional", "tree_path_dependent"] = "interventional"
    sensitive_features: tuple[str, ...] = ()
    importance: bool = True
    reasons: int = Field(0, ge=0, le=20)
    partial_dependence: tuple[str | tuple[str, str], ...] = ()
    grid_points: int = Field(20, ge=2)
    ice_rows: int = Field(20, ge=0)
    morris: int = Field(0, ge=0)
    sobol: int = Field(0, ge=0)
    permutation: Permutation | None = None
    row_pages: int = Field(0, ge=0, le=200)
    confidence: float = Field(0.95, gt=0, lt=1)
    random_state: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _known_features(self) -> ExplainJob:
        terms = [(t,) if isinstance(t, str) else t for t in self.partial_dependence]
        unknown = [name for term in terms for name in term if name not in self.features]
        if unknown:
            hint = did_you_mean(unknown[0], self.features)
            raise ValueError(f"partial_dependence names no feature: {unknown[0]!r}.{hint}")
        if any(len(set(term)) < len(term) for term in terms):
            raise ValueError("partial_dependence: a pair must be of two different features")
        if self.sobol & (self.sobol - 1):
            raise ValueError("sobol is a number of base samples and must be a power of two")
        return self
