"""How many predictions a local explanation may cost, or how exact its values must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rai_scale.errors import OptionError


@dataclass(frozen=True)
class ValueSampling:
    """How values are sampled by methods that are not exact.

    Attributes
    ----------
    max_evals : int, optional
        SHAP: coalitions per row, each evaluated over the background (by default 10 per feature).
        LIME: perturbed rows per explained row (by default 5,000).
    target_error : float, optional
        SHAP, instead of ``max_evals``: half-width of the 95 % interval of a sampled value, in the
        unit of the output, reached by 95 % of the values of a pilot.
    replicates : bool
        SHAP: add the four independent estimates whose mean a sampled value is, as
        ``shap_replicate<k>_<feature>``. The error of an average over rows is the spread of its
        replicates, because rows share coalitions.

    Raises
    ------
    OptionError
        If a number is not above 0, or both are given.
    """

    max_evals: int | None = None
    target_error: float | None = None
    replicates: bool = False
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.max_evals is not None and self.target_error is not None:
            raise OptionError("give max_evals or target_error, not both.")
        for name in ("max_evals", "target_error"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise OptionError(f"{name} must be above 0; found {value}.")
