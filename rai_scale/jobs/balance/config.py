"""Configuration of ``rai-scale balance``."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from rai_scale.jobs.config import JobConfig


class BalanceJob(JobConfig):
    """Configuration of ``rai-scale balance``; the keys are the arguments of ``balance``."""

    source: str
    table: str | None = None
    sensitive_features: tuple[str, ...] = Field(min_length=1)
    y_true: str | None = None
    y_pred: str | None = None
    score: str | None = None
    pos_label: bool | int | float | str = 1
    control_features: tuple[str, ...] = ()
    reference: str | dict[str, dict[Any, float]] = "uniform"
    sample_weight: str | None = None
    epsilon: float = Field(1.0, ge=0)
    alpha: float = 2.0
