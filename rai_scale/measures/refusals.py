"""Errors for arguments that Fairlearn refuses too, with Fairlearn's messages."""

from __future__ import annotations

from rai_scale.errors import ConfigError


class ArgumentError(ConfigError, ValueError):
    """An argument that ``fairlearn.metrics.MetricFrame`` refuses with a ``ValueError`` as well.

    Code that handles Fairlearn's error also handles this one: it is a ``ValueError``, and
    ``args[0]`` is Fairlearn's message. The text continues with what was found and what to do.

    Parameters
    ----------
    sentence : str
        Fairlearn's message; from the installed version if it is a constant there.
    detail : str
        What was found and what to do, without a value of the data.
    """

    def __init__(self, sentence: str, detail: str) -> None:
        super().__init__(sentence, detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.args[0].rstrip('.')}: {self.detail}"
