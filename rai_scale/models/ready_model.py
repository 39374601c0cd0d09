"""A model prepared for a frame: checked, with its background, and published for workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.engines.shared_object import load_object, publish_object
from rai_scale.errors import ConfigError, check_columns
from rai_scale.models.background import background_frame
from rai_scale.models.model import Model, check_model
from rai_scale.models.output import ModelOutput, make_output
from rai_scale.names import names_of

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.engines.shared_file import SharedFile


@dataclass(frozen=True)
class SharedObject:
    """A published object, which each process loads once."""

    file: SharedFile

    def load(self) -> Any:
        """Return the object."""
        return self.file.load(load_object)


@dataclass(frozen=True)
class SharedOutput:
    """The explained output of a model that is published in its own file."""

    model: SharedObject
    kind: str
    picked: tuple[int, ...]
    labels: tuple[str, ...]

    def load(self) -> ModelOutput:
        """Return the output in this process."""
        return ModelOutput(self.model.load(), self.kind, self.picked, self.labels)


@dataclass(frozen=True)
class ReadyModel:
    """A frame's engine, the explained output of a model, and the background.

    Attributes
    ----------
    engine : Engine
    features : tuple of str
        Columns that the model reads, in the caller's order.
    output : ModelOutput
    background : pandas.DataFrame
        Rows of the features, with the dtypes that the model receives.
    """

    engine: Engine
    features: tuple[str, ...]
    output: ModelOutput
    background: pd.DataFrame

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the outputs: classes, or one empty string."""
        return self.output.labels or ("",)

    def share(self, value: Any, name: str) -> SharedObject:
        """Publish an object."""
        return SharedObject(publish_object(self.engine, value, name))

    def share_output(self) -> SharedOutput:
        """Publish the model."""
        made = self.output
        return SharedOutput(
            self.share(made.model, "model.pkl"), made.kind, made.picked, made.labels
        )


def ready_model(  # noqa: PLR0917
    frame: Any,
    model: Any,
    features: str | Sequence[str],
    background: Any,
    explain_class: Any,
    random_state: int,
) -> ReadyModel:
    """Check the arguments that all explanations have in common; see ``explain`` for them.

    Raises
    ------
    ConfigError
        If features are empty or repeated, or the model or class cannot be used.
    MissingColumnError
        If the frame lacks a feature.
    """
    names = tuple(names_of(features))
    if not names or len(set(names)) != len(names):
        raise ConfigError("features must name one or more different columns.")
    engine = engine_of(frame)
    check_columns(names, engine.columns(frame))
    rows = background_frame(background, frame, names, random_state)
    output = make_output(
        check_model(model, names, rows.iloc[:8]), Model.of(model).output, explain_class
    )
    return ReadyModel(engine, names, output, rows)
