"""Gates over the disparities of an assessment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.measures.disparity_bands import parts_of
from rai_scale.measures.uncertainty.gates import gate_fails

_BOUND_OF = {"point": "value", "lower_bound": "low", "upper_bound": "high"}
_WORDS = {"point": "value", "lower_bound": "lower bound", "upper_bound": "upper bound"}


def check_gate(gate: Mapping[str, Any], n_boot: int | None) -> dict[str, Any]:
    """Return a gate with all its keys.

    Raises
    ------
    ConfigError
        If it names no disparity, has not exactly one limit, or asks for a bound without replicates.
    """
    keys = ("name", "metric", "above", "below", "judged_by")
    unknown = [key for key in gate if key not in keys]
    if unknown or "metric" not in gate:
        raise ConfigError(f"a gate has 'metric' and of {', '.join(keys)}; found {sorted(gate)}.")
    parts_of(gate["metric"])
    full = {**dict.fromkeys(keys), **gate}
    full["judged_by"] = full["judged_by"] or "point"
    limits = {"above": full["above"], "below": full["below"]}
    gate_fails(0.0, 0.0, 0.0, judged_by=full["judged_by"], **limits)  # refuses what is not a gate
    if full["judged_by"] != "point" and n_boot is None:
        raise ConfigError(
            f"the gate on {full['metric']!r} is judged by a bound, which needs replicates: set "
            "n_boot (500 or more), or judge by the point."
        )
    return full


def judge(
    gate: Mapping[str, Any], disparities: pd.DataFrame, control: Sequence[str]
) -> dict[str, Any]:
    """Return a gate with whether it held; with control features it must hold at every level."""
    rows = disparities[disparities["disparity"] == gate["metric"]]
    limits = {"above": gate["above"], "below": gate["below"]}
    verdicts = [
        gate_fails(r["value"], r["low"], r["high"], judged_by=gate["judged_by"], **limits)
        for _, r in rows.iterrows()
    ]
    by = _BOUND_OF[gate["judged_by"]]
    unknown = rows[rows[by].isna()]
    order = rows.sort_values(by, ascending=gate["above"] is None, kind="stable")
    row = (unknown if len(unknown) else order).iloc[0]
    return {
        "name": gate["name"] or gate["metric"],
        "metric": gate["metric"],
        "passed": not any(verdicts),
        "judged_by": gate["judged_by"],
        **limits,
        "value": row["value"],
        "low": row["low"],
        "high": row["high"],
        "detail": _detail(gate, row, sum(verdicts), control),
    }


def _detail(gate: Mapping[str, Any], row: pd.Series, failed: int, control: Sequence[str]) -> str:
    above = gate["above"] is not None
    limit = gate["above"] if above else gate["below"]
    judged = row[_BOUND_OF[gate["judged_by"]]]
    said = "not known" if pd.isna(judged) else f"{judged:.4f}"
    allowed = f"at {'most' if above else 'least'} {limit:g} allowed"
    text = f"{_WORDS[gate['judged_by']]} {said}, {allowed}"
    if row["unknown"]:
        text += f" ({row['unknown']})"
    if gate["judged_by"] != "point" and not pd.isna(row["value"]):
        text += f" (value {row['value']:.4f})"
    if control:
        at = ", ".join(f"{name} = {row[name]}" for name in control)
        text += f"; at {at}" + (f", and {failed - 1} more" if failed > 1 else "")
    return text
