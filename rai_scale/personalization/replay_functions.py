"""Replay of policies that are functions: their code is in a file of the snapshot."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.frames import TEXT, arrow_to_frame
from rai_scale.engines.key_values import arrow_values, places_of
from rai_scale.errors import ConfigError, check_columns
from rai_scale.personalization.policy_cells import number_column
from rai_scale.personalization.policy_scores import checked
from rai_scale.statistics.cells import MAX_CELLS, counts_of

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

MAKER = "make_policy"
"""The function in the file of a policy: from the snapshot's files by role to the policy."""


def load_policy(path: Path, files: Mapping[str, Path]) -> Callable[[pd.DataFrame, list[Any]], Any]:
    """Run the file of a policy, and return the function that it makes.

    Raises
    ------
    ConfigError
        If it cannot be run, or has no function ``make_policy``.
    """
    spec = importlib.util.spec_from_file_location("rai_scale_replayed_policy", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        maker = getattr(module, MAKER, None)
        made = maker(dict(files)) if callable(maker) else None
    except Exception as error:
        raise ConfigError(f"policy: {path.name} cannot be run ({type(error).__name__}).") from None
    if not callable(made):
        raise ConfigError(
            f"policy: {path.name} must have a function {MAKER}(files) that returns a function of "
            "features and actions."
        )
    return made  # type: ignore[no-any-return]


@dataclass(frozen=True)
class ReplayRows:
    """Table function: whether a policy gives the logged action its logged probability."""

    policy: Callable[[pd.DataFrame, list[Any]], Any]
    features: tuple[str, ...]
    actions: tuple[Any, ...]
    action: str
    propensity: str
    tolerance: float

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return action, difference, logged and replayed probability of each row."""
        shape = (table.num_rows, len(self.actions))
        frame = arrow_to_frame(table.select([*self.features]), TEXT)
        given = np.asarray(self.policy(frame, [*self.actions]), dtype=float)
        found = checked(given, shape, "policy", probability=True)
        chosen = places_of(table, {self.action: arrow_values(self.actions)})
        again = np.where(chosen >= 0, found[np.arange(shape[0]), chosen], 0.0)
        logged = number_column(table[self.propensity], self.propensity)
        differs = ~(abs(again - logged) <= self.tolerance)
        return pa.table(
            {"a": table[self.action], "d": differs.astype(np.int64), "l": logged, "r": again}
        )


def replay_function(engine: Engine, log: Any, run: ReplayRows) -> tuple[pd.DataFrame, int]:
    """Return the differences by action, and the number of rows; executes."""
    inputs = list(dict.fromkeys([*run.features, run.action, run.propensity]))
    check_columns(inputs, engine.columns(log))
    kind = engine.schema(log).field(run.action).type
    outputs = pa.schema([("a", kind), ("d", pa.int64()), ("l", pa.float64()), ("r", pa.float64())])
    data = engine.map_partitions(log, run, outputs, inputs=inputs, label="replay")
    table = counts_of(engine, data, ["a", "d"], ["l", "r"], limit=MAX_CELLS)
    count = table.column(2).to_numpy()
    differs = table.column(1).to_numpy() == 1
    means = [table.column(n).to_numpy()[differs] / count[differs] for n in (3, 4)]
    found = table.select([0]).filter(pa.array(differs)).to_pandas()
    found = found.set_axis([run.action], axis=1)
    found = found.assign(rows=count[differs], logged=means[0], replayed=means[1])
    return found.sort_values("rows", ascending=False, ignore_index=True), int(count.sum())


def function_parts(
    policy: Path, features: Sequence[str], actions: Sequence[Any]
) -> dict[str, list[Any]]:
    """Return what a manifest says of a policy that is a function.

    Raises
    ------
    ConfigError
        If the actions are missing for a function, or given for a table.
    """
    if (policy.suffix == ".py") != bool(actions):
        raise ConfigError(
            "actions are needed for a policy in a .py file, in the order of its probabilities, and "
            "for no other."
        )
    return {"features": [*features], "actions": [*actions]} if actions else {}
