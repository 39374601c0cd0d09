"""The job that trains an EBM: a model, its shapes, how well it predicts, and a report."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import cloudpickle
import pyarrow as pa

from rai_scale.engines.protocol import Engine
from rai_scale.errors import check_columns
from rai_scale.jobs.config import config_hash
from rai_scale.jobs.glassbox.config import EBMJob
from rai_scale.jobs.glassbox.private import run_private
from rai_scale.jobs.glassbox.report import described
from rai_scale.jobs.glassbox.simple import train_simple
from rai_scale.jobs.manifest import (
    MANIFEST,
    Manifest,
    finished_manifest,
    inputs_of,
    remove_manifest,
    run_id_of,
    unread_files,
)
from rai_scale.jobs.one_table import chosen_table, package_versions, parquet_bytes
from rai_scale.jobs.outputs import writes_output
from rai_scale.jobs.run import OK, Outcome, code_with_unread
from rai_scale.statistics.json_values import plain
from rai_scale.statistics.keyed_hash import key_uniforms
from rai_scale.tables.find import find_tables
from rai_scale.tables.paths import place_of, save_bytes
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake

_LOG = logging.getLogger(__name__)
MODEL = "model.pkl"
TITLES = {"ebm": "An EBM", "linear": "A linear model", "tree": "A tree", "aplr": "An APLR model"}
HOLDOUT_SEED = 1_000_003
"""Rows are held out by another hash than they are dealt to shards by."""


@writes_output
def run(config: EBMJob, engine: Engine) -> Outcome:
    """Train, write the model, its tables, ``ebm.json``, ``report.html``, and the manifest last.

    A run that has finished before, with the same configuration, inputs and versions, changes
    nothing and ends as it did then. With ``privacy``, see
    :func:`~rai_scale.jobs.glassbox.private.run_private`.
    """
    if config.privacy is not None:
        return run_private(config, engine)
    started, clock = datetime.now(UTC), time.monotonic()
    found = find_tables(config.source, engine=engine)
    lake = Lake((chosen_table(found, config.source, config.table),))
    versions = package_versions("interpret-core", "scikit-learn", "numpy")
    run_id = run_id_of("train-ebm", config_hash(config), lake, versions)
    output = place_of(config.output)
    report_place = output.child("report.html")
    before = finished_manifest(config.output, run_id) if run_id else None
    if before is not None:
        text = f"already done as run {run_id}; nothing changed"
        return Outcome(before.exit_code, text, report_place.url, unread=unread_files(lake))
    frame = read_table(lake[0], engine)
    train, test = _split(config, engine, frame)
    result = _train_ebm(config, train) if config.model == "ebm" else train_simple(config, train)
    tables, report = described(config, result, test)
    report["run"] = {
        "run_id": run_id or config_hash(config),
        "started": started.isoformat(timespec="seconds"),
        "engine": engine.name,
        "status": "ok",
        "source": config.source,
        "table": lake[0].name,
        "config_hash": config_hash(config),
        "package_version": versions["rai_scale"],
        "seconds": round(time.monotonic() - clock, 1),
    }
    report["title"] = (
        config.title or f"{TITLES[config.model]} for {config.target} in {lake[0].name}"
    )
    _LOG.info("trained on %s: %s rows", lake[0].name, f"{report['summary']['rows']:,}")

    from rai_scale.reports.ebm import render_ebm

    report = plain(report)
    page = render_ebm(report)
    remove_manifest(config.output)  # it speaks of the model that is replaced now
    save_bytes(output.child(MODEL), cloudpickle.dumps(result.model))
    for name, table in tables.items():
        save_bytes(output.child(f"{name}.parquet"), parquet_bytes(table))
    text = json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False)
    save_bytes(output.child("ebm.json"), text.encode())
    save_bytes(report_place, page.encode())
    names = [MODEL, *(f"{name}.parquet" for name in tables), "ebm.json", "report.html", MANIFEST]
    _manifest(config, report, lake, versions, names).save(config.output)
    return Outcome(
        OK, _summary(report), report_place.url, tuple(report["notes"]), unread=unread_files(lake)
    )


@dataclass(frozen=True)
class Keep:
    """Table function: rows whose hash, as a number in [0, 1), is below a share, or those above."""

    keys: tuple[str, ...]
    share: float
    seed: int
    below: bool
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the kept rows."""
        low = key_uniforms(table.select(list(self.keys)), self.seed) < self.share
        return table.filter(pa.array(low == self.below))


def _split(config: EBMJob, engine: Engine, frame: Any) -> tuple[Any, Any]:
    """Return the rows that are trained on, and those that the model is judged by."""
    schema, used = engine.schema(frame), _used(config)
    check_columns(used, schema.names)
    if config.holdout == 0:
        return frame, frame
    keys = config.keys or tuple(f.name for f in schema if not pa.types.is_nested(f.type))
    columns = list(dict.fromkeys([*used, *keys]))
    outputs = pa.schema([schema.field(name) for name in columns])
    parts = [
        engine.map_partitions(
            frame,
            Keep(tuple(keys), config.holdout, config.seed + HOLDOUT_SEED, below),
            outputs,
            inputs=columns,
            label="train-ebm",
        )
        for below in (False, True)
    ]
    return parts[0], parts[1]


def _used(config: EBMJob) -> list[str]:
    weight = [] if config.sample_weight is None else [config.sample_weight]
    named = [*config.features, config.target, *config.sensitive_features, *weight, *config.keys]
    return list(dict.fromkeys(named))


def _train_ebm(config: EBMJob, frame: Any) -> Any:
    from rai_scale.glassbox.ebm import train_ebm

    return train_ebm(frame, **_options(config))


def _options(config: EBMJob) -> dict[str, Any]:
    names = ["features", "task", "shards", "min_rows_per_shard", "interactions"]
    names += ["max_bins", "sample_weight", "outer_bags"]
    found = {name: getattr(config, name) for name in names}
    found |= {"y_true": config.target, "random_state": config.seed}
    if isinstance(config.interactions, tuple):
        found["interactions"] = [tuple(pair) for pair in config.interactions]
    types = config.feature_types.items()
    found["feature_types"] = {n: k if isinstance(k, str) else list(k) for n, k in types}
    found["key_columns"] = list(config.keys) or None
    for name in ("max_rounds", "learning_rate"):
        if getattr(config, name) is not None:
            found[name] = getattr(config, name)
    return found


def _summary(report: dict[str, Any]) -> str:
    s = report["summary"]
    text = f"{s['terms']} terms from {s['rows']:,} rows"
    text += f", {s['shards']} shard(s)" if "shards" in s else ""
    first = [row for row in report["performance"] if not row["group"]][:1]
    return text + "".join(f"; {row['metric']} {row['value']:.4f}" for row in first)


def _manifest(
    config: EBMJob,
    report: dict[str, Any],
    lake: Lake,
    versions: dict[str, str],
    names: list[str],
) -> Manifest:
    rows = report["summary"]["rows"]
    run = report["run"]
    return Manifest(
        run_id=run["run_id"],
        job="train-ebm",
        status=run["status"],
        exit_code=code_with_unread(OK, unread_files(lake)),
        config_hash=run["config_hash"],
        engine=config.engine,
        started=run["started"],
        seconds=run["seconds"],
        versions=versions,
        inputs=inputs_of(lake),
        rows={"in": rows, "out": rows, "quarantined": 0, "skipped": 0},
        outputs={name: place_of(config.output).child(name).url for name in names},
        seeds={"seed": config.seed},
        details={"summary": report["summary"], "performance": report["performance"]},
    )
