"""Configuration of ``rai-scale fairness``."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from rai_scale.gates import Gate
from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.private import PrivateOptions


class FairnessPrivacy(PrivateOptions):
    """The private mode: noise once on the declared cells, everything else from that release.

    Give ``epsilon`` (with ``delta``: Gaussian noise) or ``rho``.
    """

    privacy_unit: str
    groups: dict[str, list[Any]] = Field(min_length=1)
    labels: tuple[Any, ...] = (0, 1)
    max_rows: int = Field(1, ge=1)


EXACT_ONLY = (
    *("score", "sample_weight", "person", "suppress_below", "reference", "depth"),
    *("searched", "compare_with", "mlflow"),
)
"""Keys that have no private form."""


class FairnessJob(JobConfig):
    """Configuration of ``rai-scale fairness``."""

    source: str
    table: str | None = None
    y_true: str
    y_pred: str
    pos_label: bool | int | float | str | None = None
    score: str | None = None
    sensitive_features: tuple[str, ...] = Field(min_length=1)
    control_features: tuple[str, ...] = ()
    sample_weight: str | None = None
    metrics: tuple[str, ...] = (
        "selection_rate",
        "true_positive_rate",
        "false_positive_rate",
        "precision_score",
        "accuracy_score",
    )
    disparities: tuple[str, ...] = (
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "equal_opportunity_difference",
        "equalized_odds_difference",
    )
    n_boot: int | None = Field(500, ge=20)
    confidence: float = Field(0.95, gt=0, lt=1)
    random_state: int = Field(0, ge=0)
    person: str | None = None
    small_group: int = Field(30, ge=1)
    suppress_below: int = Field(0, ge=0)
    reference: str = "largest"
    depth: int = Field(2, ge=0, le=3)
    searched: tuple[str, ...] | None = None
    compare_with: str | None = None
    gates: tuple[Gate, ...] = ()
    private: FairnessPrivacy | None = None

    @model_validator(mode="after")
    def _private(self) -> FairnessJob:
        labels = () if self.private is None else (None, *self.private.labels)
        if labels and self.pos_label not in labels:
            raise ValueError("pos_label is not among the labels of private: list all of them")
        default = type(self).model_fields
        odd = [name for name in EXACT_ONLY if getattr(self, name) != default[name].default]
        if self.private is not None and odd:
            raise ValueError(f"{', '.join(odd)} cannot be used with private: leave it out")
        return self
