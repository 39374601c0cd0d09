"""Configuration of ``rai-scale scan``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rai_scale.jobs.config import EngineConfig
from rai_scale.pii.config import AnalyzerConfig, Frozen
from rai_scale.pii.scanning import SAMPLE_ROWS, scan_config


class Gate(Frozen):
    """A check: at most ``max_columns`` columns may hold these entities with this verdict."""

    name: str
    entities: tuple[str, ...] = ()
    tables: str = "*"
    columns: str = "*"
    verdict: Literal["personal", "possible"] = "personal"
    max_columns: int = Field(0, ge=0)


class ScanJob(EngineConfig):
    """Configuration of ``rai-scale scan``; ``csv`` and ``ignore`` as in ``find_tables``."""

    source: str
    output: str
    sample_rows: int | None = Field(SAMPLE_ROWS, ge=1)
    seed: int = 0
    analyzer: AnalyzerConfig = Field(default_factory=lambda: scan_config(None, {}))
    gates: tuple[Gate, ...] = ()
    max_unreadable_files: int | None = Field(None, ge=0)
    csv: dict[str, dict[str, str | bool]] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    write_redact_config: str | None = None
