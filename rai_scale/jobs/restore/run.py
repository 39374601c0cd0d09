"""The jobs ``restore`` and ``keys rotate``: count the tokens, record the purpose, then rewrite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from rai_scale._version import package_versions
from rai_scale.engines.protocol import Engine
from rai_scale.gates import check_gates, check_metrics, status_of
from rai_scale.jobs.exit_codes_and_logs import with_progress
from rai_scale.jobs.inputs import Inputs, configured_tables
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.metrics import metric_figures
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.restore.config import RestoreJob, RotateJob, TableTokens
from rai_scale.jobs.secrets import is_reference, resolve_secret
from rai_scale.pii.pseudonyms.frames import restore, rotate_keys, token_columns
from rai_scale.pii.pseudonyms.rewrite_values import CountNulls, CountTokens
from rai_scale.pii.pseudonyms.tokens import UnknownKeyError
from rai_scale.reports.result import render_result
from rai_scale.tables.exact import check_exact
from rai_scale.tables.find import find_tables
from rai_scale.tables.paths import Place
from rai_scale.tables.read import read_table
from rai_scale.tables.source import TableSource
from rai_scale.tables.write import write_parquet

METRICS = ("tokens", "rows", "tables", "values_not_restored")


def find_inputs(config: RestoreJob, engine: Engine) -> Inputs:
    """Find the tables that the configuration names, all of which must exist."""
    found = find_tables(config.source, engine=engine)
    lake, tables = configured_tables(found, config, TableTokens(columns=config.columns))
    return Inputs(lake, package_versions("cryptography"), given=tables)


def compute(config: RestoreJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Rewrite the tokens of all tables into the folder of the run."""
    planned = list(_planned(config, engine, inputs))
    counts = pd.concat([_counted(*table, inputs.given, engine) for table in planned])
    if config.on_error == "raise":
        check_key_ids(config, counts)
    record(config, run, inputs.given, counts)
    rotates, rows, lost = isinstance(config, RotateJob), 0, 0
    for table, before, frame in with_progress(planned, "rotating" if rotates else "restoring"):
        to = run.folder.child(table.name).url
        rows += write_parquet(frame, engine, to, private=not rotates).rows or 0
        if config.on_error == "null":
            wanted: TableTokens = inputs.given[table.name]
            names = (*wanted.columns, *wanted.json_columns)
            written = read_table(to, engine, format="parquet")
            lost += _nulls(written, names, engine) - _nulls(before, names, engine)
    totals = {"tokens": int(counts["tokens"].sum()), "rows": rows, "tables": len(planned)}
    totals["values_not_restored"] = lost
    gates = check_gates(config.gates, metric_figures(totals))
    done = "made with the new key" if rotates else "restored"
    status = status_of(gates, "warnings" if lost else "ok")
    facts = run.facts(status, analyst=config.analyst, purpose=config.purpose)
    return Done(
        message=f"{totals['tokens']:,} tokens {done} in {rows:,} rows",
        page=render_result(
            config.title or ("Tokens with a new key" if rotates else "Restored tokens"),
            f"{totals['tokens']:,} tokens {done} in {rows:,} rows",
            {"run": pd.DataFrame(facts.items(), columns=["fact", "value"]), "tokens": counts},
            gates=gates,
        ),
        inside=tuple(table.name for table, _, _ in planned),
        status="warnings" if lost else "ok",
        notes=(f"values that could not be restored and are null: {lost:,}",) if lost else (),
        unread=inputs.unread,
        rows={"in": rows, "out": rows, "quarantined": 0, "skipped": 0},
        details={"tokens": counts.to_dict("records"), "purpose": config.purpose},
        profile=tuple(profile_of(table) for table in inputs.lake),
        metrics=totals,
        gates=gates,
    )


def check_key_ids(config: RestoreJob, counts: pd.DataFrame) -> None:
    """Raise :class:`UnknownKeyError` if a token needs a key that was not given."""
    missing = sorted(set(counts["key_id"]) - set(config.keys))
    if missing:
        raise UnknownKeyError(
            f"keys: there are tokens with the key ids {', '.join(missing)}, which are not given. "
            "Nothing was written."
        )


def record(
    config: RestoreJob, run: Run, tables: dict[str, TableTokens], counts: pd.DataFrame
) -> None:
    """Add the run to the restore log; without the record nothing is restored."""
    from rai_scale.pii.pseudonyms.restore_log import RESTORE, ROTATE

    log = open_named_log(config.log, config.force_ephemeral)
    body = {
        "run_id": run.id,
        "analyst": config.analyst,
        "purpose": config.purpose,
        "source": config.source,
        "tables": {
            name: {
                "columns": [*table.columns, *table.json_columns],
                "tokens": int(counts.loc[counts["table"] == name, "tokens"].sum()),
            }
            for name, table in tables.items()
        },
        "key_ids": sorted(set(counts["key_id"])),
        "tokens": int(counts["tokens"].sum()),
    }
    if isinstance(config, RotateJob):
        body["to"] = config.to
    log.append(ROTATE if isinstance(config, RotateJob) else RESTORE, body=body)


def open_named_log(address: str, force_ephemeral: bool) -> Any:
    """Open the restore log at an address, or at the one that a reference points to."""
    from rai_scale.pii.pseudonyms.restore_log import open_restore_log

    found = resolve_secret(address).strip() if is_reference(address) else address
    return open_restore_log(found, force_ephemeral=force_ephemeral)


def check_plan(config: RestoreJob, engine: Engine, inputs: Inputs, output: Place) -> list[str]:
    """Raise what a run would raise before it reads rows."""
    list(_planned(config, engine, inputs, read_rows=False))
    return []


def _planned(
    config: RestoreJob, engine: Engine, inputs: Inputs, read_rows: bool = True
) -> Iterator[tuple[TableSource, Any, Any]]:
    """Yield each table with its frame as it is read and as it will be written; both are lazy."""
    keys = {name: resolve_secret(reference) for name, reference in config.keys.items()}
    for table in inputs.lake:
        check_exact(table, engine, read_rows)
        wanted: TableTokens = inputs.given[table.name]
        frame = read_table(table, engine)
        options: dict[str, Any] = {"keys": keys, "domain": config.domain}
        options |= {"json_columns": wanted.json_columns, "per": wanted.per}
        options["on_error"] = config.on_error
        if isinstance(config, RotateJob):
            new = rotate_keys(frame, wanted.columns, to=config.to, **options)
        else:
            new = restore(frame, wanted.columns, **options)
        yield table, frame, new


def _counted(
    table: TableSource, frame: Any, _: Any, tables: dict[str, TableTokens], engine: Engine
) -> pd.DataFrame:
    """Count the tokens of a table by column and key id."""
    wanted = tables[table.name]
    columns = token_columns(wanted.columns, wanted.json_columns, None, engine.schema(frame))
    count = CountTokens(columns)
    parts = engine.map_partitions(frame, count, count.schema, inputs=columns.names, label="count")
    found = engine.collect(parts).to_pandas().groupby(["column", "key_id"], as_index=False).sum()
    found.insert(0, "table", table.name)
    return found


def _nulls(frame: Any, names: tuple[str, ...], engine: Engine) -> int:
    count = CountNulls(names)
    parts = engine.map_partitions(frame, count, count.schema, inputs=names, label="count")
    return int(engine.collect(parts)["nulls"].to_pandas().sum())


def _job(name: str, config: type[Any]) -> Job[Any]:
    return Job(
        name,
        config,
        find_inputs,
        compute,
        writes=("a table per table of the source", "report.html"),
        check_gates=lambda config, _: check_metrics(config.gates, METRICS),
        check_plan=check_plan,
    )


JOB, ROTATE_JOB = _job("restore", RestoreJob), _job("keys rotate", RotateJob)
