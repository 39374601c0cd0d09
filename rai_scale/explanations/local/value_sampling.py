"""Options of local explanations whose values are estimated from samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rai_scale.errors import OptionError


@dataclass(frozen=True)
class ValueSampling:
    """Number of evaluations, or required precision, of methods that sample.

    Attributes
    ----------
    max_evals : int, optional
        SHAP: number of coalitions per row, each evaluated over the background (by default 10 per
        feature). LIME: number of perturbed rows per explained row (by default 5,000).
    target_error : float, optional
        SHAP, instead of ``max_evals``: half-width of the 95 % interval of a value, in the unit of
        the output. The number of coalitions is chosen so that 95 % of the values of a pilot reach
        it.
    replicates : bool
        SHAP: whether to add the four independent estimates whose mean is the value, as columns
        ``shap_replicate<k>_<feature>``. They give the error of an average over rows; the rows' own
        errors are not independent, because rows share coalitions.

    Raises
    ------
    OptionError
        If a number is not above 0, or both numbers are given.
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
