"""What the counts of a scan depend on, other than the data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from rai_scale._version import __version__
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.analysis.versions import language_versions

_COUNTING = ("analysis", "data_classes", "values")
"""The folders of ``pii`` whose code and data decide what is found in a value."""


def detector_facts(config: AnalyzerConfig, options: Mapping[str, Any]) -> dict[str, str]:
    """Return what the counts of a scan depend on: if any of it changes, all is scanned again.

    Parameters
    ----------
    config : AnalyzerConfig
    options : mapping of str to plain values
        Other options of the scan: the sample, how files are read.

    Returns
    -------
    dict of str to str
        Versions of packages and models, and hashes of configurations and of the recognizers of this
        package; no value of them.
    """
    facts = language_versions(config.model_names)
    facts["recognizers"] = _recognizers()
    facts["analyzer"] = _hash(config.model_dump_json())
    facts |= {
        name: _hash(json.dumps(value, sort_keys=True, default=str))
        for name, value in options.items()
    }
    return facts


def changed_facts(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of the facts that differ, with their versions."""
    names = [n for n in sorted({*before, *now}) if before.get(n) != now.get(n)]
    return [f"{n}{_versions(n, before, now)}" for n in names]


def _versions(name: str, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    pair = (before.get(name, "none"), now.get(name, "none"))
    plain = all(len(text) < _HASH for text in pair)
    return f" ({pair[0]} -> {pair[1]})" if plain else ""


@cache
def _recognizers() -> str:
    found = hashlib.sha256(__version__.encode())
    root = resources.files("rai_scale.pii")
    for folder in _COUNTING:
        for name, content in sorted(_files(root.joinpath(folder))):
            found.update(f"{folder}/{name}\0".encode() + content)
    return found.hexdigest()[:_HASH]


def _files(folder: Any) -> Iterable[tuple[str, bytes]]:
    for item in folder.iterdir():
        if item.name.endswith((".py", ".yaml")):
            yield item.name, item.read_bytes()


_HASH = 16


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]
