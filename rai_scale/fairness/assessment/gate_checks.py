"""Gates over the disparities of an assessment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.gates import Figure, Gate, gates_of
from rai_scale.measures.disparity_bands import parts_of


def gates_asked(given: Any, n_boot: int | None) -> list[Gate]:
    """Return gates over disparities.

    Raises
    ------
    ConfigError
        If a gate's metric is not a disparity, it does not have exactly one limit, or it uses a
        bound without replicates.
    """
    gates = gates_of(given, Gate)
    for gate in gates:
        parts_of(gate.metric)
        if gate.judged_by != "point" and n_boot is None:
            raise ConfigError(
                f"the gate on {gate.metric!r} is judged by a bound, which needs replicates: set "
                "n_boot of bootstrap (500 or more), or judge by the point."
            )
    return gates


def figures_of(
    table: pd.DataFrame, of: str, control: Iterable[str] = ()
) -> dict[str, list[Figure]]:
    """Return the numbers of a table by the name in column ``of``, one per control level."""
    found: dict[str, list[Figure]] = {}
    control = list(control)
    for row in table.to_dict("records"):
        at = ", ".join(f"{name} = {row[name]}" for name in control)
        value, low, high = (float(row.get(n, float("nan"))) for n in ("value", "low", "high"))
        why = str(row.get("unknown") or "")
        found.setdefault(row[of], []).append(Figure(value, low, high, why, at))
    return found
