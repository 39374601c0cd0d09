"""What global explanations share: the model's output, known on the driver and in the workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.engines.shared_object import load_object, publish_object
from rai_scale.errors import ConfigError, check_columns
from rai_scale.models.background import background_frame
from rai_scale.models.model import as_model
from rai_scale.models.output import ModelOutput, make_output
from rai_scale.names import names_of

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.engines.shared_file import SharedFile


@dataclass(frozen=True)
class SharedObject:
    """An object that was published; loaded once per process."""

    file: SharedFile

    def load(self) -> Any:
        """Return the object."""
        return self.file.load(load_object)


@dataclass(frozen=True)
class SharedOutput:
    """The explained output of a model that was published by itself."""

    model: SharedObject
    kind: str
    picked: tuple[int, ...]
    labels: tuple[str, ...]

    def load(self) -> ModelOutput:
        """Return the output in this process."""
        return ModelOutput(self.model.load(), self.kind, self.picked, self.labels)


@dataclass(frozen=True)
class Prepared:
    """A frame's engine, a model's output and a few rows that say the model's dtypes.

    Attributes
    ----------
    engine : Engine
    output : ModelOutput
    sample : pandas.DataFrame
        Of the model's features.
    """

    engine: Engine
    output: ModelOutput
    sample: pd.DataFrame

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the outputs: classes, or one empty name."""
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


def prepare(
    frame: Any,
    model: Any,
    features: str | Sequence[str],
    *,
    background: Any = None,
    explain_class: Any = None,
    classes: Sequence[Any] | None = None,
    output: str = "probability",
    random_state: int = 0,
    trusted: bool = False,
) -> Prepared:
    """Check what every global explanation is given; see ``explain`` for the parameters.

    Raises
    ------
    ConfigError
        If features are no list of different names, or the model or target cannot be used.
    MissingColumnError
        If the frame lacks a feature.
    """
    names = names_of(features)
    if not names or len(set(names)) != len(names):
        raise ConfigError("features must name one or more different columns.")
    engine = engine_of(frame)
    check_columns(names, engine.columns(frame))
    sample = background_frame(background, frame, names, random_state)
    known = as_model(model, names, sample.iloc[:8], classes=classes, trusted=trusted)
    return Prepared(engine, make_output(known, output, explain_class), sample)
