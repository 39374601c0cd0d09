"""The balance job: how balanced groups are in data and predictions, a report, and gates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rai_scale.engines.protocol import Engine
from rai_scale.fairness.data_balance.measure_balance import balance
from rai_scale.fairness.data_balance.result import headlines
from rai_scale.gates import check_metrics, status_of
from rai_scale.jobs.balance.config import BalanceJob
from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.inputs import Inputs, one_table_of
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.profile import profile_of, shares_of
from rai_scale.jobs.table_files import table_files
from rai_scale.reports.balance import render_balance
from rai_scale.statistics.json_values import json_text
from rai_scale.tables.read import read_table


def compute(config: BalanceJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Count the rows once; all files are made from one result."""
    own = {*JobConfig.model_fields, "source", "table"}
    options = {name: getattr(config, name) for name in BalanceJob.model_fields if name not in own}
    result = balance(read_table(inputs.table, engine), **options)
    result = replace(result, title=config.title or f"Balance of {inputs.table.name}")
    rows = int(result.counts["rows"].sum())
    gates = result.gates(*config.gates) if config.gates else []
    plain: dict[str, Any] = {**result.to_dict(), "gates": gates}
    plain["run"] = run.facts(status_of(gates), table=inputs.table.name)
    tables = {"measures": result.measures, "groups": result.groups}
    shares = {
        str(name): shares_of(part["group"], part["rows"])
        for name, part in result.groups.groupby("feature", sort=False)
    }
    return Done(
        message=f"{rows:,} rows in {len(result.groups)} groups, {len(result.measures)} measures",
        files={**table_files(tables), "balance.json": json_text(plain).encode()},
        page=render_balance(plain),
        gates=gates,
        notes=result.notes,
        unread=inputs.unread,
        rows={"in": rows, "out": rows, "quarantined": 0, "skipped": 0},
        details={"settings": result.settings},
        profile=(profile_of(inputs.table, categories=shares),),
        metrics=result.metrics(),
    )


JOB = Job(
    "balance",
    BalanceJob,
    lambda config, engine: one_table_of(config.source, config.table, engine, "numpy", "scipy"),
    compute,
    writes=("measures.parquet", "groups.parquet", "balance.json", "report.html"),
    check_gates=lambda config, _: check_metrics(config.gates, headlines(config.sensitive_features)),
)
