"""The job of synthetic data: one release, a sample of its model, and a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rai_scale.engines.protocol import Engine
from rai_scale.gates import check_metrics
from rai_scale.jobs.inputs import Inputs, chosen_table, one_table_of
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.private_options import charge_lines, charging, unopened
from rai_scale.jobs.synthesize.config import SynthesizeJob
from rai_scale.jobs.table_files import table_files
from rai_scale.reports.result import render_result
from rai_scale.reports.words import plural
from rai_scale.statistics.json_values import json_text
from rai_scale.tables.find import find_tables
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake
from rai_scale.tables.write import write_parquet

if TYPE_CHECKING:
    import pandas as pd

    from rai_scale.privacy.options import Privacy
    from rai_scale.results import Result
    from rai_scale.synthetic.measure_utility import Utility
    from rai_scale.synthetic.planning import Plan
    from rai_scale.synthetic.synthesizer import Synthesizer

ROWS = "synthetic"
_ASKED = (
    *(
        "columns",
        "domain",
        "domain_share",
        "method",
        "max_rows",
        "workload",
        "max_model_mb",
        "max_cells",
    ),
    *("rounds", "constraints"),
)
_PLANNED = 10


def options_of(config: SynthesizeJob) -> dict[str, Any]:
    """Return the arguments of ``synthesize``."""
    return {name: getattr(config, name) for name in _ASKED}


def compute(config: SynthesizeJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Release the measurements once; rows and report are made from them.

    If the ledger has a release of the same table, files and options, it is used again and nothing
    is charged.

    Raises
    ------
    GateFailed
        If the release exceeds the budget (exit code 1); no data are read then.
    """
    from rai_scale.privacy.disclosure import one_message
    from rai_scale.synthetic.synthesis import synthesize

    asked, source = config.private, inputs.table
    with charging(asked) as (ledger, notes):
        frame = one_message(lambda: read_table(source, engine))
        privacy = asked.privacy_on(source, ledger)
        made = synthesize(frame, privacy=privacy, **options_of(config))
        paid = {"epsilon": config.utility_epsilon or 1.0, "rho": None, "delta": 0}
        measured = _utility(config, frame, made, asked.privacy_on(source, ledger, **paid))
        compared = _compared(config, engine, inputs, frame, made)
    sample = made.sample(config.rows, frame, random_state=config.random_state)
    write_parquet(sample, engine, run.folder.child(ROWS).url)
    notes += unopened(source)
    gates = made.gates(*config.gates) if config.gates else []
    if measured is not None:
        notes += measured.remarks
    title = config.title or f"Synthetic {source.name}"
    results: dict[str, Result] = {**({"utility": measured} if measured else {}), **compared}
    files = _files(made, results)
    page = _page(title, made, results, gates, notes)
    rows = config.rows if config.rows is not None else max(1, round(made.total))
    return Done(
        message=f"{rows:,} synthetic rows of {plural(len(made.domain.names), 'column')}, from "
        f"{plural(len(made.measured), 'measurement')} ({config.method})",
        files=files,
        page=page if config.report else None,
        tables=(ROWS,),
        gates=gates,
        notes=tuple(notes),
        unread=inputs.unread,
        seeds={"sample": config.random_state},
        private=_facts(config, made, measured),
    )


def _utility(
    config: SynthesizeJob, frame: Any, made: Synthesizer, privacy: Privacy
) -> Utility | None:
    from rai_scale.privacy.disclosure import one_message
    from rai_scale.synthetic.measure_utility import utility

    paid = config.utility_epsilon is not None
    if not paid and config.utility == "none":
        return None
    options: dict[str, Any] = {"privacy_unit": privacy.unit, "random_state": config.random_state}
    if paid:
        return utility(frame, made, privacy=privacy, **options)
    return one_message(lambda: utility(frame, made, **options))


def _compared(
    config: SynthesizeJob, engine: Engine, inputs: Inputs, frame: Any, made: Synthesizer
) -> dict[str, Result]:
    """Return the comparisons with the real rows that are asked for, beyond the utility."""
    if config.y_true is None and config.gaps is None and config.attacks is None:
        return {}
    from rai_scale.jobs.synthesize.compare import comparisons
    from rai_scale.privacy.disclosure import one_message

    def compared() -> dict[str, Result]:
        others = read_table(inputs.lake[1], engine) if len(inputs.lake) > 1 else None
        return comparisons(config, frame, others, made)

    return one_message(compared)


def _results_tables(made: Synthesizer, results: Mapping[str, Result]) -> dict[str, pd.DataFrame]:
    tables = {"measurements": made.measurements, "errors": made.errors}
    for name, result in results.items():
        for at, (own, table) in enumerate(result._tables().items()):
            tables[name if not at else f"{name}_{own}"] = table()
    return tables


def _files(made: Synthesizer, results: Mapping[str, Result]) -> dict[str, bytes]:
    plain = {name: result.to_dict() for name, result in results.items()}
    return {
        **table_files(_results_tables(made, results)),
        "model.json": made.to_stored().encode(),
        "synthetic.json": json_text({**made.to_dict(), **plain}).encode(),
    }


def _page(
    title: str,
    made: Synthesizer,
    results: Mapping[str, Result],
    gates: list[dict[str, Any]],
    notes: list[str],
) -> str:
    found = _results_tables(made, results)
    last = ("measurements", "errors")
    tables = {n: t for n, t in found.items() if n not in last} | {n: found[n] for n in last}
    sizes = ", ".join(f"{name}: {value}" for name, value in made.totals().items())
    remarks = [*made.remarks, *notes]
    return render_result(title, sizes, tables, gates=gates, notes=remarks)


def _facts(config: SynthesizeJob, made: Synthesizer, measured: Utility | None) -> dict[str, Any]:
    asked = config.private
    reserved = [str(made.facts["reservation"])]
    if measured is not None and not measured.internal:
        reserved.append(str(measured.facts["reservation"]))
    spent = {name: made.facts.get(name) for name in ("epsilon", "delta", "rho", "dataset")}
    return {"scope": asked.scope, "analyst": asked.analyst, **spent, "reservations": reserved}


def _writes(config: SynthesizeJob) -> tuple[str, ...]:
    names = [
        ROWS,
        "measurements.parquet",
        "errors.parquet",
        "model.json",
        "synthetic.json",
        "report.html",
    ]
    if config.utility == "internal" or config.utility_epsilon is not None:
        names.append("utility.parquet")
    if config.utility == "internal":
        names.append("utility_pairs.parquet")
    if config.y_true is not None:
        names.append("models.parquet")
    if config.gaps is not None:
        names.append("gaps.parquet")
    if config.attacks is not None:
        names += ["attacks.parquet", "attacks_hits.parquet"]
    return tuple(names)


def _plan(config: SynthesizeJob) -> Plan:
    """Return the plan; reads no data, not even the names of the columns."""
    from rai_scale.synthetic.planning import plan_of

    privacy = config.private.privacy(ledger=None)
    return plan_of(privacy=privacy, **options_of(config))


def _charges(config: SynthesizeJob, _: str | None) -> tuple[list[str], bool] | None:
    plan = _plan(config)
    totals = plan.totals()
    lines = [
        f"method {totals['method']}: {plural(totals['marginals'], 'marginal')} of "
        f"{plural(totals['columns'], 'column')} counted, {totals['cells']:,} cells "
        f"({totals['megabytes']} MB on the driver)",
        *plan._remarks(),
        "expected noise of marginals, in rows (over the table's rows, it is a total variation):",
    ]
    shown = plan.marginals
    for row in shown.head(_PLANNED).to_dict("records"):
        lines.append(f"  {row['columns']}: {row['noise']:,.0f} ({row['cells']:,} cells)")
    if len(shown) > _PLANNED:
        lines.append(f"  and {len(shown) - _PLANNED} more, at most {shown['noise'].max():,.0f}")
    more = charge_lines(config.private)
    charged, fits = more if more is not None else ([], True)
    if config.utility_epsilon is not None:
        charged.append(f"and for the utility: epsilon {config.utility_epsilon:g}")
    return [*lines, *charged], fits


def _check_gates(config: SynthesizeJob, _: Inputs) -> None:
    from rai_scale.synthetic.synthesizer import METRICS

    check_metrics(config.gates, METRICS)


def find_inputs(config: SynthesizeJob, engine: Engine) -> Inputs:
    """Find the table and, for attacks, the table of other people."""
    found = one_table_of(config.source, config.table, engine, "mbi", "jax", "opendp", "numpy")
    if config.attacks is None or config.attacks.control_source is None:
        return found
    source = config.attacks.control_source
    other = chosen_table(find_tables(source, engine=engine), source, config.attacks.control_table)
    return replace(found, lake=Lake((found.table, other)))


JOB = Job(
    "synthesize",
    SynthesizeJob,
    find_inputs,
    compute,
    writes=_writes,
    charges=_charges,
    check_gates=_check_gates,
)
