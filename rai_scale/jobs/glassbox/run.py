"""The job that trains a glassbox model: the model, its shapes, its performance, and a report."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle
import pyarrow as pa

from rai_scale.engines.protocol import Engine
from rai_scale.errors import check_columns
from rai_scale.gates import check_gates, check_metrics, status_of
from rai_scale.jobs.glassbox.config import EBMJob
from rai_scale.jobs.glassbox.private import release
from rai_scale.jobs.glassbox.report import described
from rai_scale.jobs.glassbox.shapes import PERFORMANCE
from rai_scale.jobs.glassbox.simple import train_simple
from rai_scale.jobs.inputs import Inputs, one_table_of
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.metrics import BY_GROUP, metric_figures
from rai_scale.jobs.private_options import charge_lines
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.table_files import file_names, table_files
from rai_scale.reports.words import plural
from rai_scale.statistics.json_values import json_text, plain
from rai_scale.statistics.keyed_hash import key_uniforms
from rai_scale.tables.read import read_table

_LOG = logging.getLogger(__name__)
MODEL = "model.pkl"
TITLES = {"ebm": "An EBM", "linear": "A linear model", "tree": "A tree", "aplr": "An APLR model"}
HOLDOUT_SEED = 3_000_017
"""Added to the random state, so that rows are held out independently of their shards."""


def compute(config: EBMJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Train and describe a model.

    With ``private``, all outputs are made from one release, and no performance is measured.
    """
    from rai_scale.reports.ebm import render_ebm

    private = None
    if config.private is not None:
        model, tables, report, private = release(config, config.private, engine, inputs, run)
    else:
        model, tables, report = _trained(config, engine, inputs)
        report["run"] = run.facts(table=inputs.table.name)
    metrics = _metrics(report)
    gates = check_gates(config.gates, metric_figures(metrics))
    report["run"]["status"] = status_of(gates)
    report = plain(report | {"gates": gates})
    content = cloudpickle.dumps(model)
    done = Done(
        message=_summary(config, report),
        files={MODEL: content, **table_files(tables), "ebm.json": json_text(report).encode()},
        page=render_ebm(report),
        notes=tuple(report["notes"]),
        unread=inputs.unread,
        gates=gates,
        private=private,
    )
    if private is not None:
        return done
    rows = report["summary"]["rows"]
    return replace(
        done,
        rows={"in": rows, "out": rows, "quarantined": 0, "skipped": 0},
        seeds={"random_state": config.random_state},
        details={"summary": report["summary"], "performance": report["performance"]},
        profile=(profile_of(inputs.table),),
        model_hash=hashlib.sha256(content).hexdigest(),
        metrics=metrics,
    )


def _metrics(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the performance of the model, and the importance of its terms."""
    found = [
        {"name": row["metric"], "value": row["value"], "n": row["rows"]}
        | {"group": row["group"] or None}
        for row in report["performance"]
    ]
    terms = [(f"importance.{row['term']}", row["value"]) for row in report["importance"]]
    return [*found, *({"name": name, "value": value} for name, value in terms)]


def _check_gates(config: EBMJob, inputs: Inputs) -> None:
    """Check the names of gates, as far as they are known before a model is trained."""
    names = [f"importance.{name}" for name in config.features]
    if config.private is None:
        ends = ("", BY_GROUP) if config.sensitive_features else ("",)
        names = [name + end for name in PERFORMANCE for end in ends] + names
        names += [gate.metric for gate in config.gates if _may_be_a_term(config, gate.metric)]
    check_metrics(config.gates, names)


def _may_be_a_term(config: EBMJob, metric: str) -> bool:
    """Return whether a metric can be the importance of a term: a pair, or a level of a feature."""
    term = metric.removeprefix("importance.")
    if term == metric:
        return False
    if config.model == "ebm":
        return {*term.split(" & ")} <= {*config.features}
    return any(name in term for name in config.features)


def _writes(config: EBMJob) -> tuple[str, ...]:
    tables = ["importance", *(["shapes"] if config.model == "ebm" else [])]
    tables += ["performance"] * (config.private is None)
    return (MODEL, *file_names(*tables), "ebm.json", "report.html")


def _trained(config: EBMJob, engine: Engine, inputs: Inputs) -> tuple[Any, Any, dict[str, Any]]:
    train, test = _split(config, engine, read_table(inputs.table, engine))
    result = _train_ebm(config, train) if config.model == "ebm" else train_simple(config, train)
    tables, report = described(config, result, test)
    name = inputs.table.name
    report["title"] = config.title or f"{TITLES[config.model]} for {config.y_true} in {name}"
    _LOG.info("trained on %s: %s rows", name, f"{report['summary']['rows']:,}")
    return result.model, tables, report


@dataclass(frozen=True)
class Keep:
    """Table function: keeps rows whose hash, in [0, 1), is below a share, or the others."""

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
    """Return the training rows and the test rows."""
    schema, used = engine.schema(frame), _used(config)
    check_columns(used, schema.names)
    if config.holdout == 0:
        return frame, frame
    keys = config.key_columns or tuple(f.name for f in schema if not pa.types.is_nested(f.type))
    columns = list(dict.fromkeys([*used, *keys]))
    outputs = pa.schema([schema.field(name) for name in columns])
    parts = [
        engine.map_partitions(
            frame,
            Keep(tuple(keys), config.holdout, config.random_state + HOLDOUT_SEED, below),
            outputs,
            inputs=columns,
            label="train-ebm",
        )
        for below in (False, True)
    ]
    return parts[0], parts[1]


def _used(config: EBMJob) -> list[str]:
    weight = [] if config.sample_weight is None else [config.sample_weight]
    named = [
        *config.features,
        config.y_true,
        *config.sensitive_features,
        *weight,
        *config.key_columns,
    ]
    return list(dict.fromkeys(named))


def _train_ebm(config: EBMJob, frame: Any) -> Any:
    from rai_scale.glassbox.ebm import train_ebm

    return train_ebm(frame, **_options(config))


def _options(config: EBMJob) -> dict[str, Any]:
    names = ("features", "y_true", "task", "sample_weight", "interactions", "shards")
    found = {name: getattr(config, name) for name in (*names, "ebm_params", "random_state")}
    if isinstance(config.interactions, tuple):
        found["interactions"] = [tuple(pair) for pair in config.interactions]
    types = config.feature_types.items()
    found["feature_types"] = {n: k if isinstance(k, str) else list(k) for n, k in types}
    found["key_columns"] = list(config.key_columns) or None
    return found


def _summary(config: EBMJob, report: dict[str, Any]) -> str:
    s = report["summary"]
    if config.private is not None:
        return f"a private EBM of {s['terms']} terms; epsilon {config.private.epsilon}"
    text = f"{plural(s['terms'], 'term')} from {plural(s['rows'], 'row')}"
    text += f", {plural(s['shards'], 'shard')}" if "shards" in s else ""
    first = [row for row in report["performance"] if not row["group"]][:1]
    return text + "".join(f"; {row['metric']} {row['value']:.4f}" for row in first)


JOB = Job(
    "train-ebm",
    EBMJob,
    lambda config, engine: one_table_of(
        config.source, config.table, engine, "interpret-core", "scikit-learn", "numpy"
    ),
    compute,
    writes=_writes,
    charges=lambda config, _: charge_lines(config.private),
    check_gates=_check_gates,
)
