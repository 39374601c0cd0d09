"""Configuration of ``rai-scale fairness``."""

from __future__ import annotations

from dataclasses import fields
from typing import ClassVar

from pydantic import Field, model_validator

from rai_scale.fairness.assessment.options import Comparison
from rai_scale.fairness.private.declared import Declared
from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.private_options import PrivateOptions, need_unit
from rai_scale.measures.bootstrap_options import Bootstrap

EXACT_ONLY = ("score", "sample_weight", "compare_with", "mlflow")
"""Keys that the private mode does not have; of ``comparison`` it has ``small_group`` alone."""


class FairnessJob(JobConfig):
    """Configuration of ``rai-scale fairness``.

    With ``private``, noise is added once to the counts of the values in ``declared``, and all
    numbers are computed from that release. With a ``delta`` the noise is Gaussian.
    """

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
    private: PrivateOptions | None = None
    declared: Declared | None = None

    old_keys: ClassVar[dict[str, tuple[str, ...]]] = {
        "bootstrap_unit": ("bootstrap.person",),
        "seed": ("bootstrap.random_state",),
        **{
            field.name: (f"{block}.{field.name}",)
            for block, kind in (("bootstrap", Bootstrap), ("comparison", Comparison))
            for field in fields(kind)
        },
        **{f"private.{field.name}": (f"declared.{field.name}",) for field in fields(Declared)},
    }

    @model_validator(mode="after")
    def _private(self) -> FairnessJob:
        if (self.private is None) != (self.declared is None):
            raise ValueError("private and declared (the values of the groups) need each other")
        if self.private is None or self.declared is None:
            return self
        need_unit(self.private)
        if self.pos_label not in (None, *self.declared.labels):
            raise ValueError("pos_label is not one of declared.labels; list all labels there")
        odd = [name for name in EXACT_ONLY if getattr(self, name)]
        odd += ["bootstrap.person"] if self.bootstrap and self.bootstrap.person else []
        for field in fields(Comparison):
            if field.name != "small_group":
                changed = getattr(self.comparison, field.name) != field.default
                odd += [f"comparison.{field.name}"] * changed
        if odd:
            raise ValueError(f"{', '.join(odd)} cannot be used with private; leave it out")
        return self
