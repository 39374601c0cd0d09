"""Options of an EBM: how its rows are divided into shards, and interpret's own parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from rai_scale.errors import OptionError

_LEAST = {"max_bins": 2, "max_interaction_bins": 2, "max_rounds": 1, "outer_bags": 1}


@dataclass(frozen=True)
class Shards:
    """How many parts the rows are divided into; one EBM is trained on each.

    Attributes
    ----------
    count : int, optional
        By default one shard per 50,000 rows, at most 16. Fewer are made, with a note, if there are
        not ``min_rows`` rows, or 10 rows of each class, for each.
    min_rows : int
        Rows that each shard needs.

    Raises
    ------
    OptionError
        If a number is below 1.
    """

    count: int | None = None
    min_rows: int = 5_000
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for name, value in (("count", self.count), ("min_rows", self.min_rows)):
            if value is not None and value < 1:
                raise OptionError(f"{name} of shards must be at least 1; found {value}.")


@dataclass(frozen=True)
class EBMParams:
    """Parameters of interpret's EBM classes, by interpret's names; ``None`` is interpret's default.

    Other defaults than interpret's: 32 ``max_interaction_bins`` (64); ``outer_bags`` such that all
    shards together have 16, and each at least 2; 600 ``smoothing_rounds`` and
    ``interaction_smoothing_rounds`` (75) for several shards of fewer than 50,000 rows; one job.

    Raises
    ------
    OptionError
        If a number of bins, rounds or bags, or the learning rate is too small.
    """

    max_bins: int | None = None
    max_interaction_bins: int | None = None
    max_rounds: int | None = None
    max_leaves: int | None = None
    learning_rate: float | None = None
    outer_bags: int | None = None
    inner_bags: int | None = None
    validation_size: int | float | None = None
    early_stopping_rounds: int | None = None
    early_stopping_tolerance: float | None = None
    smoothing_rounds: int | None = None
    interaction_smoothing_rounds: int | None = None
    greedy_ratio: float | None = None
    cyclic_progress: bool | float | None = None
    min_samples_leaf: int | None = None
    min_hessian: float | None = None
    reg_alpha: float | None = None
    reg_lambda: float | None = None
    max_delta_step: float | None = None
    gain_scale: float | None = None
    min_cat_samples: int | None = None
    cat_smooth: float | None = None
    missing: Literal["low", "high", "separate", "gain"] | None = None
    monotone_constraints: Sequence[int] | None = None
    objective: str | None = None
    n_jobs: int | None = None
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise OptionError(f"{name} must be at least {least}; found {value}.")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise OptionError(f"learning_rate must be above 0; found {self.learning_rate}.")

    def given(self) -> dict[str, Any]:
        """Return the parameters that are not ``None``."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None}
