"""JSON Schemas of the configurations, for editors and pipelines."""

from __future__ import annotations

import json
from pathlib import Path

from rai_scale.jobs.registry import JOBS


def export_schemas(directory: Path) -> list[Path]:
    """Write ``<job>.schema.json`` per job; return the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for entry in JOBS:
        path = directory / f"{entry.conf}.schema.json"
        schema = entry.job.config.model_json_schema()
        path.write_text(json.dumps(schema, indent=1) + "\n", encoding="utf-8")
        paths.append(path)
    return paths
