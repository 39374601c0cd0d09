"""Responsible-AI checks over tables of any size, with the reference library's own answer.

Every public name is imported only when it is used, so that ``import rai_scale`` needs no engine and
no extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rai_scale._version import __version__

if TYPE_CHECKING:
    from rai_scale.pii.config import AnalyzerConfig
    from rai_scale.pii.redact import redact
    from rai_scale.pii.scan import scan
    from rai_scale.tables.read import read_table

_HOMES = {
    "AnalyzerConfig": "rai_scale.pii.config",
    "redact": "rai_scale.pii.redact",
    "scan": "rai_scale.pii.scan",
    "read_table": "rai_scale.tables.read",
}

__all__ = ["AnalyzerConfig", "__version__", "read_table", "redact", "scan"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'rai_scale' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
