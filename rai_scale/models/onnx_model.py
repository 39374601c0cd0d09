"""An ONNX model as a function of a pandas frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError

TYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(string)": object,
}
"""NumPy types of the supported ONNX input types."""


@dataclass(frozen=True)
class OnnxModel:
    """An ONNX model with one input for all features, or one input per feature with its name.

    The last output is used. In files written by skl2onnx, it contains probabilities, or the values
    of a regression.
    """

    content: bytes
    version: str

    @property
    def input_names(self) -> list[str]:
        """Names of the model's inputs."""
        return [one.name for one in onnx_session(self.content).get_inputs()]

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the last output.

        Raises
        ------
        ConfigError
            If the inputs have another form or an unsupported type, or an integer, boolean or text
            value is missing.
        """
        session = onnx_session(self.content)
        return _table(session.run(None, feeds(session.get_inputs(), frame))[-1])


@cache
def onnx_session(content: bytes) -> Any:
    """Return a session, opened once per process because loading is slower than predicting."""
    import onnxruntime

    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def feeds(inputs: Sequence[Any], frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the input arrays, of shape (rows, features), or (rows, 1) per feature."""
    if len(inputs) == 1:
        columns = [_cast(frame[name], inputs[0].type) for name in frame]
        return {inputs[0].name: np.column_stack(columns)}
    names = [one.name for one in inputs]
    if set(names) != set(frame.columns):
        raise ConfigError(
            f"the ONNX model has inputs {', '.join(names)} for features "
            f"{', '.join(map(str, frame.columns))}; it must have one input for all of them, or one "
            "per feature with its name."
        )
    return {one.name: _cast(frame[one.name], one.type).reshape(-1, 1) for one in inputs}


def _cast(column: pd.Series, kind: str) -> np.ndarray:
    if kind not in TYPES:
        raise ConfigError(
            f"ONNX inputs of type {kind} are not supported; supported: {', '.join(TYPES)}."
        )
    dtype = TYPES[kind]
    if not np.issubdtype(dtype, np.floating) and column.isna().any():
        raise ConfigError(
            f"feature {column.name!r} is missing in some rows, and the ONNX model reads it as "
            f"{kind}, which has no missing values; fill it first."
        )
    return column.astype(str).to_numpy(object) if dtype is object else column.to_numpy(dtype)


def _table(output: Any) -> np.ndarray:
    """Return an output as an array; skl2onnx gives a list of {class: probability} by default."""
    if isinstance(output, list):
        return np.array([[row[name] for name in sorted(row)] for row in output])
    return np.asarray(output)
