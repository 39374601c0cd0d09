"""The job that trains an EBM: a model, its shapes, how well it predicts, and a report."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import cloudpickle
import pyarrow as pa
from pydantic import Field

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, MissingExtraError, check_columns
from rai_scale.jobs.config import EngineConfig, config_hash
from rai_scale.jobs.manifest import (
    MANIFEST,
    Manifest,
    finished_manifest,
    inputs_of,
    remove_manifest,
    run_id_of,
)
from rai_scale.jobs.one_table import chosen_table, package_versions, parquet_bytes, plain_json
from rai_scale.jobs.run import OK, Outcome
from rai_scale.statistics.keyed_hash import key_uniforms
from rai_scale.tables.find import find_tables
from rai_scale.tables.paths import place_of, save_bytes
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake

_LOG = logging.getLogger(__name__)
MODEL = "model.pkl"
HOLDOUT_SEED = 1_000_003
"""Rows are held out by another hash than they are dealt to shards by."""
LIMITS = (
    "A shape says what the model does with a feature, not what the feature causes: features that "
    "go together share what either could tell.",
    "Where few rows were seen, a shape may be chance; its area shows how much the bagged models "
    "differ, and not how wrong all of them may be.",
    "Labels are taken as true. Where past decisions made them, the model has learned those.",
    "A model file can run code when it is loaded: load it only where you know that this job wrote "
    "it.",
)


class EBMJob(EngineConfig):
    """Configuration of ``rai-scale train-ebm``."""

    source: str
    table: str | None = None
    output: str
    features: tuple[str, ...] = Field(min_length=1)
    target: str
    task: Literal["classification", "regression"] | None = None
    shards: int | None = Field(None, ge=1)
    min_rows_per_shard: int = Field(5_000, ge=1)
    feature_types: dict[str, Literal["continuous", "nominal"] | tuple[float, ...]] = Field(
        default_factory=dict
    )
    interactions: int | float | str | tuple[tuple[str, str], ...] = "3x"
    max_bins: int = Field(1024, ge=2)
    max_rounds: int | None = Field(None, ge=1)
    learning_rate: float | None = Field(None, gt=0)
    outer_bags: int | None = Field(None, ge=1)
    sample_weight: str | None = None
    keys: tuple[str, ...] = ()
    holdout: float = Field(0.2, ge=0, lt=1)
    sensitive_features: tuple[str, ...] = ()
    seed: int = Field(0, ge=0)
    title: str | None = None


def run(config: EBMJob, engine: Engine) -> Outcome:
    """Train, write the model, its tables, ``ebm.json``, ``report.html``, and the manifest last.

    A run that has finished before, with the same configuration, inputs and versions, changes
    nothing and ends as it did then.
    """
    try:
        from rai_scale.explanations.ebm import train_ebm
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "interpret", "explain") from None

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
        return Outcome(before.exit_code, text, report_place.url)
    frame = read_table(lake[0], engine)
    train, test = _split(config, engine, frame)
    result = train_ebm(train, **_options(config))
    tables, report = _described(config, result, test)
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
    report["title"] = config.title or f"An EBM for {config.target} in {lake[0].name}"
    _LOG.info("trained on %s: %s rows", lake[0].name, f"{sum(result.shard_rows):,}")

    from rai_scale.reports.ebm import render_ebm

    report = plain_json(report)
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
    return Outcome(OK, _summary(report), report_place.url, tuple(report["notes"]))


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


def _options(config: EBMJob) -> dict[str, Any]:
    names = ["features", "target", "task", "shards", "min_rows_per_shard", "interactions"]
    names += ["max_bins", "sample_weight", "seed", "outer_bags"]
    found = {name: getattr(config, name) for name in names}
    if isinstance(config.interactions, tuple):
        found["interactions"] = [tuple(pair) for pair in config.interactions]
    types = config.feature_types.items()
    found["feature_types"] = {n: k if isinstance(k, str) else list(k) for n, k in types}
    found["key_columns"] = list(config.keys) or None
    for name in ("max_rounds", "learning_rate"):
        if getattr(config, name) is not None:
            found[name] = getattr(config, name)
    return found


def _described(config: EBMJob, result: Any, test: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tables and the report of a trained model."""
    from rai_scale.jobs.ebm_shapes import (
        curves_of,
        importance_table,
        performance_table,
        shapes_of,
        shapes_table,
    )

    shapes = shapes_of(result.model)
    tables = {"importance": importance_table(result.model), "shapes": shapes_table(shapes)}
    notes, curves, rows = list(result.notes), [], []
    measured = _performance(config, result, test, notes)
    if measured is not None:
        tables["performance"] = performance_table(measured)
        curves, rows = curves_of(measured), tables["performance"].to_dict("records")
    where = f"on the {config.holdout:.0%} of rows that were held out"
    where = where if config.holdout else "on the rows that it was trained on"
    classes = [str(name) for name in getattr(result.model, "classes_", ())]
    report = {
        "settings": {
            "features": list(config.features),
            "target": config.target,
            "task": result.task,
            "classes": classes,
            "unit": "log-odds"
            if result.task == "classification"
            else f"the unit of {config.target}",
            "pairs": ", ".join(" & ".join(pair) for pair in result.pairs) or "none",
            "shard_rows": ", ".join(f"{rows:,}" for rows in result.shard_rows),
            "measured_on": where,
            "seed": config.seed,
        },
        "summary": {
            "rows": sum(result.shard_rows),
            "terms": len(result.model.term_names_),
            "shards": len(result.shard_rows),
        },
        "importance": tables["importance"].to_dict("records"),
        "shapes": shapes,
        "performance": rows,
        "curves": curves,
        "method": {"limits": list(LIMITS)},
        "notes": notes,
    }
    return tables, report


def _performance(config: EBMJob, result: Any, test: Any, notes: list[str]) -> Any:
    from rai_scale.explanations.ebm_score import score_ebm
    from rai_scale.explanations.performance import performance

    classes = list(getattr(result.model, "classes_", ()))
    if len(classes) > 2:  # noqa: PLR2004
        notes.append("Performance is measured for two classes and for regressions only.")
        return None
    kept = list(dict.fromkeys([config.target, *config.sensitive_features]))
    scored = score_ebm(test, result, contributions=False, key_columns=kept)
    label = {"pos_label": classes[1]} if classes else {}
    try:
        return performance(
            scored, y_true=config.target, score="prediction", task=result.task,
            sensitive_features=list(config.sensitive_features), **label,
        )  # fmt: skip
    except ConfigError as error:
        notes.append(f"Performance could not be measured: {error}")
        return None


def _summary(report: dict[str, Any]) -> str:
    s = report["summary"]
    text = f"{s['terms']} terms from {s['rows']:,} rows, {s['shards']} shard(s)"
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
        exit_code=OK,
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
