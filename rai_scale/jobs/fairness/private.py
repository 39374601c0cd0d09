"""The private mode of the fairness job: one release, and no exact number in what it writes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rai_scale.engines.protocol import Engine
from rai_scale.jobs.inputs import Inputs
from rai_scale.jobs.private_options import charging, unopened
from rai_scale.tables.read import read_table

if TYPE_CHECKING:
    from rai_scale.jobs.private_options import PrivateOptions

SHARED = (
    *("y_true", "y_pred", "sensitive_features", "control_features", "metrics", "disparities"),
    *("pos_label", "bootstrap", "declared", "gates"),
)
"""Keys of the private mode."""


def release(
    asked: PrivateOptions, engine: Engine, inputs: Inputs, options: dict[str, Any]
) -> tuple[Any, tuple[str, ...]]:
    """Return the result of one release, and notes about it.

    If the ledger has a release of the same table, files and parameters, it is shown again and
    nothing is charged.

    Raises
    ------
    GateFailed
        If the release exceeds the budget (exit code 1); no data are read then.
    """
    from rai_scale.fairness.private.assess import assess_private
    from rai_scale.privacy.disclosure import one_message

    source = inputs.table
    with charging(asked) as (ledger, notes):
        frame = one_message(lambda: read_table(source, engine))
        shared = {name: options[name] for name in SHARED}
        shared["small_group"] = options["comparison"].small_group
        privacy = asked.privacy_on(source, ledger)
        result = assess_private(frame, privacy=privacy, **shared)
    notes += unopened(source)
    return replace(result, notes=[*result.notes, *notes]), tuple(notes)


def summary_of(result: Any) -> str:
    """Return the line that is printed, made from noisy numbers alone."""
    s = result.totals()
    usable = int(result.tables["by_group"]["value"].notna().sum())
    text = f"private release: {usable} of {len(result.tables['by_group'])} values are usable"
    if s["gates"]:
        text += f", {s['gates'] - s['gates_failed']} of {s['gates']} gates passed"
    return text
