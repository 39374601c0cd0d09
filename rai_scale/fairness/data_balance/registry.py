"""The table of measures: every function with its formula, range, ideal value and source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

SYNAPSEML = "SynapseML, Data Balance Analysis"
LIFT = "LinkedIn Fairness Toolkit (LiFT)"
CLARIFY = "Amazon SageMaker Developer Guide, Clarify bias metrics"
INF = float("inf")

Function = TypeVar("Function", bound=Callable[[Any], Any])


@dataclass(frozen=True)
class Measure:
    """The definition of a measure; ``function`` takes the input type of its family."""

    family: str
    name: str
    function: Callable[[Any], Any]
    formula: str
    low: float
    high: float
    ideal: float
    source: str
    undefined: str
    log: str

    @property
    def range(self) -> str:
        """Return the range as text, ``[-1, 1]`` or ``[0, inf)``."""
        opening = "(-inf" if self.low == -INF else f"[{self.low:.4g}"
        return f"{opening}, " + ("inf)" if self.high == INF else f"{self.high:.4g}]")

    def to_dict(self) -> dict[str, Any]:
        """Return the definition as plain values."""
        return {
            "family": self.family,
            "measure": self.name,
            "formula": self.formula,
            "log": self.log or None,
            "range": self.range,
            "ideal": self.ideal,
            "undefined_where": self.undefined or None,
            "source": self.source,
        }


REGISTRY: dict[str, dict[str, Measure]] = {}


def measure(
    family: str,
    formula: str,
    *,
    source: str,
    between: tuple[float, float] = (-1, 1),
    ideal: float = 0,
    undefined: str = "",
    log: str = "",
) -> Callable[[Function], Function]:
    """Add a function to the table of its family, and complete its docstring from the entry."""

    def enter(function: Function) -> Function:
        entry = Measure(
            family, function.__name__, function, formula, *between, ideal, source, undefined, log
        )
        REGISTRY.setdefault(family, {})[entry.name] = entry
        lines = {
            "Formula": formula,
            "Log base": log,
            "Range": entry.range,
            "Ideal": f"{ideal:g}",
            "NaN where": undefined,
            "Source": source,
        }
        facts = "\n".join(f"{name}: {text}." for name, text in lines.items() if text)
        function.__doc__ = f"{function.__doc__}\n\n{facts}\n"
        return function

    return enter


@overload
def ratio(above: float | None, below: float | None) -> float: ...
@overload
def ratio(above: np.ndarray, below: ArrayLike) -> NDArray[np.float64]: ...
def ratio(above: Any, below: Any) -> Any:
    """Return ``above / below`` as float64, NaN if ``below`` is zero."""
    above, below = np.broadcast_arrays(np.asarray(above, float), np.asarray(below, float))
    done = np.full(above.shape, np.nan)
    np.divide(above, below, out=done, where=below != 0)
    return done if done.ndim else float(done)


def log(value: np.ndarray) -> NDArray[np.float64]:
    """Return the natural logarithm as float64, NaN if ``value`` is not above zero."""
    value = np.asarray(value, float)
    done = np.full(value.shape, np.nan)
    np.log(value, out=done, where=value > 0)
    return done
