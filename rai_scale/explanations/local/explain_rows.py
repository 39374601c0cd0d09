"""What workers need to explain rows: the explainer, built once per process, and its columns."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from rai_scale.engines.shared_object import load_object
from rai_scale.explanations.local.added_columns import AddedColumns
from rai_scale.explanations.local.shap_values import Choice
from rai_scale.explanations.local.value_sampling import ValueSampling
from rai_scale.explanations.local.values import LocalExplainer, Task
from rai_scale.models.columns import model_frame
from rai_scale.models.ready_model import SharedOutput
from rai_scale.statistics.keyed_hash import key_hashes

if TYPE_CHECKING:
    from rai_scale.engines.shared_file import SharedFile


@dataclass(frozen=True)
class ExplainerPlan:
    """Everything that a worker needs to build the explainer; the model is in its own file."""

    output: SharedOutput
    background: pd.DataFrame
    sampling: ValueSampling
    random_state: int
    perturbation: str
    choice: Choice
    build: str

    def make(self) -> LocalExplainer:
        """Build the explainer in this process."""
        task = Task(
            self.output.load(), self.background, self.sampling, self.random_state, self.perturbation
        )
        explainer: LocalExplainer = named(self.build)(task, self.choice)
        return explainer


def load_explainer(path: str) -> LocalExplainer:
    """Load a plan that was published and build its explainer."""
    explainer: LocalExplainer = load_object(path).make()
    return explainer


@dataclass(frozen=True)
class ExplainRows:
    """A table function; the explainer is built once per process."""

    plan: SharedFile
    layout: AddedColumns
    random_state: int
    kept: tuple[str, ...] = ()

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the added columns or, with key columns, the rows of the new frame."""
        explainer = self.plan.load(load_explainer)
        layout = self.layout
        rows = model_frame(table, explainer.task.background)
        identity = table.select(list(layout.keys or layout.features))
        found = explainer.explain(rows, key_hashes(identity, self.random_state))
        if layout.long:
            return layout.rows(table.select(list(self.kept)), found)
        wide = layout.wide(found)
        for number, name in enumerate(self.kept):
            wide = wide.add_column(number, name, table[name])
        return wide


def named(place: str) -> Any:
    """Return the function at ``module:name``."""
    module, name = place.split(":")
    return getattr(import_module(module), name)
