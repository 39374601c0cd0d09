"""JSON Schemas of the configurations, for editors and pipelines."""

from __future__ import annotations

import json
from pathlib import Path

from rai_scale.jobs.explain.config import ExplainJob
from rai_scale.jobs.fairness.config import FairnessJob
from rai_scale.jobs.glassbox.config import EBMJob
from rai_scale.jobs.private_sql.config import PrivateSqlJob
from rai_scale.jobs.redact.config import RedactJob
from rai_scale.jobs.scan.config import ScanJob
from rai_scale.pii.config import Frozen

JOBS: dict[str, type[Frozen]] = {
    "scan": ScanJob,
    "redact": RedactJob,
    "fairness": FairnessJob,
    "ebm": EBMJob,
    "explain": ExplainJob,
    "private_sql": PrivateSqlJob,
}


def export_schemas(directory: Path) -> list[Path]:
    """Write ``<job>.schema.json`` per job; return the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, kind in JOBS.items():
        path = directory / f"{name}.schema.json"
        path.write_text(json.dumps(kind.model_json_schema(), indent=1) + "\n", encoding="utf-8")
        paths.append(path)
    return paths
