"""Configuration of ``rai-scale fairness``."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

from pydantic import Field, model_validator

from rai_scale.fairness.assessment.options import Comparison
from rai_scale.gates import Gate
from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.private import PrivateOptions
from rai_scale.measures.bootstrap import Bootstrap


class FairnessPrivacy(PrivateOptions):
    """The private mode: noise once on the declared cells, everything else from that release.

    Give ``epsilon`` (with ``delta``: Gaussian noise) or ``rho``.
    """

    privacy_unit: str
    groups: dict[str, list[Any]] = Field(min_length=1)
    labels: tuple[Any, ...] = (0, 1)
    max_rows: int = Field(1, ge=1)


EXACT_ONLY = ("score", "sample_weight", "compare_with", "mlflow")
"""Keys that have no private form; those of ``comparison`` besides ``small_group`` have none."""


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
    bootstrap: Bootstrap | None = Bootstrap()
    comparison: Comparison = Comparison()
    compare_with: str | None = None
    gates: tuple[Gate, ...] = ()
    private: FairnessPrivacy | None = None

    old_keys: ClassVar[dict[str, tuple[str, ...]]] = {
        "bootstrap_unit": ("bootstrap.person",),
        "seed": ("bootstrap.random_state",),
        **{
            field.name: (f"{block}.{field.name}",)
            for block, kind in (("bootstrap", Bootstrap), ("comparison", Comparison))
            for field in fields(kind)
        },
    }

    @model_validator(mode="after")
    def _private(self) -> FairnessJob:
        if self.private is None:
            return self
        if self.pos_label not in (None, *self.private.labels):
            raise ValueError("pos_label is not among the labels of private: list all of them")
        odd = [name for name in EXACT_ONLY if getattr(self, name)]
        odd += ["bootstrap.person"] if self.bootstrap and self.bootstrap.person else []
        for field in fields(Comparison):
            if field.name != "small_group":
                changed = getattr(self.comparison, field.name) != field.default
                odd += [f"comparison.{field.name}"] * changed
        if odd:
            raise ValueError(f"{', '.join(odd)} cannot be used with private: leave it out")
        return self
