"""Gates: limits on the metrics of a result, judged the same way in Python and in every job."""

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
_NAMES_SHOWN = 30


class GateError(ConfigError, ValueError):
    """A gate is malformed, or names a metric that is not measured."""


@dataclass(frozen=True)
class Figure:
    """A number that gates judge.

    Attributes
    ----------
    value : float
        NaN where it is not known.
    low, high : float
        Bounds of its confidence interval; NaN if there is none.
    why : str
        The reason why the value is not known.
    at : str
        Where it was measured: a level of the control features, or a group.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    why: str = ""
    at: str = ""


@dataclass(frozen=True)
class Gate:
    """A limit on a number of a result.

    With ``above=0.1`` and ``judged_by="lower_bound"`` the gate fails only if the data show that the
    number exceeds 0.1; with ``"upper_bound"`` it fails unless the data show that it does not. For
    ``below=0.8`` (a ratio) the two bounds change places. A value equal to the limit passes. A value
    that is not known (no denominator, NaN) fails every gate.

    Parameters
    ----------
    metric : str
        Name of a number in ``metrics()`` of the result.
    above, below : float, optional
        The gate fails if the number is above, or below, this limit. Give exactly one.
    judged_by : {"point", "lower_bound", "upper_bound"}
        What is compared with the limit: the value itself, or a bound of its confidence interval.
    name : str, optional
        Name of the gate in reports; by default that of the metric.

    Raises
    ------
    GateError
        If not exactly one finite limit is given, or ``judged_by`` is none of the three.
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
            raise GateError(f"the limit of a gate must be a finite number; found {self.limit!r}.")

    @property
    def limit(self) -> float:
        """The limit that was given, ``above`` or ``below``."""
        limit = self.above if self.below is None else self.below
        return limit  # type: ignore[return-value]

    @property
    def called(self) -> str:
        """Name of the gate in reports."""
        return self.name or self.metric

    def judged(self, figure: Figure) -> float:
        """Return the number that is compared with the limit."""
        return float(getattr(figure, _BOUND_OF[self.judged_by]))

    def fails(self, figure: Figure) -> bool:
        """Return whether a number fails the gate."""
        value = self.judged(figure)
        if math.isnan(value) or math.isnan(figure.value):
            return True
        return value > self.limit if self.above is not None else value < self.limit

    def check(self, figures: Sequence[Figure]) -> dict[str, Any]:
        """Return the outcome of the gate as plain values.

        If there are several numbers (one per level of the control features, or per group), each
        must pass; the outcome shows the one that is farthest from passing. Without any number, the
        gate fails.
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
    """Return a list of gates from one or several gates, or mappings of their fields.

    Raises
    ------
    GateError
        If one is neither a gate nor a mapping with its fields.
    """
    given = [given] if isinstance(given, Gate | Mapping) else given
    return [gate if isinstance(gate, kind) else _gate_of(gate, kind) for gate in given]


def check_gates(
    gates: Iterable[Gate], figures: Mapping[str, Sequence[Figure]]
) -> list[dict[str, Any]]:
    """Return the outcome of each gate as plain values: ``name``, ``passed``, ``detail`` and more.

    Raises
    ------
    GateError
        If one names a metric that was not measured.
    """
    gates = list(gates)
    check_metrics(gates, figures)
    return [gate.check(figures[gate.metric]) for gate in gates]


def check_metrics(gates: Iterable[Gate], names: Iterable[str]) -> None:
    """Check that each gate names one of the metrics that are measured.

    Raises
    ------
    GateError
        If one does not; with the name that was probably meant.
    """
    names = list(names)
    for gate in gates:
        if gate.metric not in names:
            shown = ", ".join(names[:_NAMES_SHOWN]) or "no metrics"
            raise GateError(
                f"gate {gate.called!r}: {gate.metric!r} is not measured."
                f"{did_you_mean(gate.metric, names)} There are: {shown}."
            )


def failures(checked: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return one line for each failed gate in the result of :func:`check_gates`."""
    return tuple(f"{gate['name']}: {gate['detail']}" for gate in checked if not gate["passed"])


def status_of(checked: Iterable[Mapping[str, Any]], otherwise: str = "ok") -> str:
    """Return ``"failed"`` if a gate failed, else the given status."""
    return otherwise if all(gate["passed"] for gate in checked) else "failed"


def _gate_of(given: Any, kind: type[AnyGate]) -> AnyGate:
    if not isinstance(given, Mapping):
        raise GateError(
            f"a gate must be a Gate or a mapping of its fields; found a {type(given).__name__}."
        )
    known = [field.name for field in fields(kind)]
    for key in given:
        if key not in known:
            raise GateError(
                f"a gate has no key {key!r}.{did_you_mean(str(key), known)} "
                f"Allowed: {', '.join(known)}."
            )
    if "metric" not in given and not hasattr(kind, "metric"):
        raise GateError(f"a gate needs a metric; found {', '.join(map(str, given)) or 'nothing'}.")
    return kind(**given)


def _said(value: float) -> str:
    if math.isnan(value):
        return "not known"
    return f"{value:.4f}" if abs(value) < _FOUR_DIGITS_BELOW else f"{value:,.6g}"
