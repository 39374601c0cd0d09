"""Configuration of ``rai-scale scan``."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from rai_scale.gates import Gate
from rai_scale.jobs.config import JobConfig
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.scanning.budget import Budget
from rai_scale.pii.scanning.guarantee import Mode
from rai_scale.pii.scanning.overrides import Override
from rai_scale.pii.scanning.tables import scan_config
from rai_scale.tables.documents.limits import DocumentLimits
from rai_scale.tables.images.options import Ocr


@dataclass(frozen=True)
class ScanGate(Gate):
    """A limit on what a scan may find; by default, no column with personal data is allowed.

    ``metric`` is ``personal_columns``, ``possible_columns`` (which includes personal ones),
    ``secret_columns``, ``indirect_columns``, ``new_personal_columns`` (since the last run; needs
    ``state``), or a number of the scan's summary, such as ``files_unreadable``. ``entities``,
    ``tables`` and ``columns`` restrict the first five.
    """

    metric: str = "personal_columns"
    above: float | None = 0
    entities: tuple[str, ...] = ()
    tables: str = "*"
    columns: str = "*"


class ScanJob(JobConfig):
    """Configuration of ``rai-scale scan``; see ``find_tables`` for its other options.

    ``overrides`` is a list of reviewers' decisions, or the YAML file that holds them. ``samples``
    is the number of masked samples per column. ``state`` is a file in which runs remember counts:
    what they read once is not read again, and the result has what changed. ``write_unity_sql``
    names a file for tags and column masks; members of the group ``unity_readers`` see the values of
    masked columns.
    """

    source: str
    mode: Mode = "sample"
    error: float = Field(0.02, gt=0, lt=1)
    confidence: float = Field(0.95, ge=0.5, lt=1)
    absent_below: float = Field(0.001, gt=0, lt=1)
    budget: Budget = Field(default_factory=Budget)
    random_state: int = 0
    analyzer: AnalyzerConfig = Field(default_factory=lambda: scan_config(None, {}))
    gates: tuple[ScanGate, ...] = ()
    csv: dict[str, dict[str, str | bool]] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    documents: DocumentLimits = Field(default_factory=DocumentLimits)
    images: bool | Ocr = False
    write_redact_config: str | None = None
    overrides: str | tuple[Override, ...] = ()
    samples: int = Field(0, ge=0)
    state: str | None = None
    write_unity_sql: str | None = None
    unity_readers: str = "pii_readers"
