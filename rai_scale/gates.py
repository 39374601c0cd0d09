"""Gates: limits on the numbers of a result, judged the same way in Python and in every job."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeVar

from rai_scale.errors import ConfigError, did_you_mean

JudgedBy = Literal["point", "lower_bound", "upper_bound"]
_BOUND_OF = {"point": "value", "lower_bound": "low", "upper_bound": "high"}
_WORDS = {"point": "value", "lower_bound": "lower bound", "upper_bound": "upper bound"}
_FOUR_DIGITS_BELOW = 10


class GateError(ConfigError, ValueError):
    """A gate that is none, or that names nothing that is measured."""


@dataclass(frozen=True)
class Figure:
    """A number that gates judge, NaN where it is not known.

    ``low`` and ``high`` are its bounds, ``why`` says why it is not known, ``at`` where it was
    measured (a level of the control features).
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    why: str = ""
    at: str = ""


@dataclass(frozen=True)
class Gate:
    """A limit on a number of a result.

    With ``above=0.1`` and ``judged_by="lower_bound"`` it fails only if the data show that the
    number exceeds 0.1; by ``upper_bound`` it fails unless they show that it does not. For
    ``below=0.8`` (a ratio) the two change places. A value equal to the limit passes. A value that
    is not known (no denominator, NaN) fails every gate: what was not measured is not passed.

    Parameters
    ----------
    metric : str
        Of the numbers that ``metrics()`` of the result names.
    above, below : float, optional
        Exactly one limit.
    judged_by : {"point", "lower_bound", "upper_bound"}
    name : str, optional
        By default the metric.

    Raises
    ------
    GateError
        If there is not exactly one finite limit, or ``judged_by`` is none of the three.
    """

    metric: str
    above: float | None = None
    below: float | None = None
    judged_by: JudgedBy = "point"
    name: str | None = None

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.judged_by not in _BOUND_OF:
            raise GateError(
                f"judged_by is {self.judged_by!r}; choose from {', '.join(_BOUND_OF)}."
                f"{did_you_mean(str(self.judged_by), _BOUND_OF)}"
            )
        if (self.above is None) == (self.below is None):
            raise GateError("a gate needs exactly one of above and below.")
        number = isinstance(self.limit, int | float) and not isinstance(self.limit, bool)
        if not number or not math.isfinite(self.limit):
            raise GateError(f"the limit of a gate is a finite number; found {self.limit!r}.")

    @property
    def limit(self) -> float:
        """The limit, whichever it is."""
        limit = self.above if self.below is None else self.below
        return limit  # type: ignore[return-value]

    @property
    def called(self) -> str:
        """What it is called."""
        return self.name or self.metric

    def judged(self, figure: Figure) -> float:
        """Return the number that is compared with the limit."""
        return float(getattr(figure, _BOUND_OF[self.judged_by]))

    def fails(self, figure: Figure) -> bool:
        """Say whether a number fails the gate."""
        value = self.judged(figure)
        if math.isnan(value) or math.isnan(figure.value):
            return True
        return value > self.limit if self.above is not None else value < self.limit

    def check(self, figures: Sequence[Figure]) -> dict[str, Any]:
        """Return the gate with whether it held, and the number that is farthest from passing.

        Of several numbers (one per level of the control features) each must pass.
        """
        failed = sum(map(self.fails, figures))
        worst = min(figures or [Figure(math.nan)], key=self._distance)
        return {
            "name": self.called,
            "metric": self.metric,
            "passed": bool(figures) and not failed,
            "judged_by": self.judged_by,
            **{"above": self.above, "below": self.below},
            **{"value": worst.value, "low": worst.low, "high": worst.high},
            "detail": self._detail(worst, failed),
        }

    def _distance(self, figure: Figure) -> float:
        value = self.judged(figure)
        return -math.inf if math.isnan(value) else value if self.above is None else -value

    def _detail(self, figure: Figure, failed: int) -> str:
        limit = f"at {'most' if self.above is not None else 'least'} {self.limit:g} allowed"
        text = f"{_WORDS[self.judged_by]} {_said(self.judged(figure))}, {limit}"
        if figure.why:
            text += f" ({figure.why})"
        if self.judged_by != "point" and not math.isnan(figure.value):
            text += f" (value {_said(figure.value)})"
        if figure.at:
            text += f"; at {figure.at}" + (f", and {failed - 1} more" if failed > 1 else "")
        return text


AnyGate = TypeVar("AnyGate", bound=Gate)


def gates_of(given: Any, kind: type[AnyGate]) -> list[AnyGate]:
    """Return gates, of one gate or several; they may be given as their plain values.

    Raises
    ------
    GateError
        If one is none; with the key that was meant.
    """
    given = [given] if isinstance(given, Gate | Mapping) else given
    return [gate if isinstance(gate, kind) else _gate_of(gate, kind) for gate in given]


def check_gates(
    gates: Iterable[Gate], figures: Mapping[str, Sequence[Figure]]
) -> list[dict[str, Any]]:
    """Return each gate with whether it held.

    Raises
    ------
    GateError
        If one names nothing that was measured: it would say nothing.
    """
    gates = list(gates)
    for gate in gates:
        if gate.metric not in figures:
            raise GateError(
                f"gate {gate.called!r}: {gate.metric!r} is not measured."
                f"{did_you_mean(gate.metric, figures)} "
                f"There are: {', '.join(list(figures)[:30]) or 'no numbers'}."
            )
    return [gate.check(figures[gate.metric]) for gate in gates]


def _gate_of(given: Any, kind: type[AnyGate]) -> AnyGate:
    if not isinstance(given, Mapping):
        raise GateError(f"a gate is a Gate or its plain values; found a {type(given).__name__}.")
    known = [field.name for field in fields(kind)]
    for key in given:
        if key not in known:
            raise GateError(
                f"a gate has no key {key!r}.{did_you_mean(str(key), known)} "
                f"Allowed: {', '.join(known)}."
            )
    if "metric" not in given and not hasattr(kind, "metric"):
        raise GateError(f"a gate names a metric; found {', '.join(map(str, given)) or 'nothing'}.")
    return kind(**given)


def _said(value: float) -> str:
    if math.isnan(value):
        return "not known"
    return f"{value:.4f}" if abs(value) < _FOUR_DIGITS_BELOW else f"{value:,.6g}"
