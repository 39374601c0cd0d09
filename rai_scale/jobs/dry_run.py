"""Describe what a run would read, write and charge, without doing it."""

from __future__ import annotations

from rai_scale.engines.protocol import Engine
from rai_scale.errors import TableError
from rai_scale.jobs.config import config_hash
from rai_scale.jobs.exit_codes_and_logs import FAILED_CHECK, OK, Outcome
from rai_scale.jobs.inputs import run_id_of
from rai_scale.jobs.job import AnyConfig, Job
from rai_scale.jobs.outputs import checked_output
from rai_scale.reports.words import plural

_SHOWN = 20


def dry_run(
    job: Job[AnyConfig], config: AnyConfig, engine: Engine, advise: str | None = None
) -> Outcome:
    """Describe what a run would do; exit code 1 if the remaining budget is too small for it."""
    charged = job.charges(config, advise) if job.charges else None
    said, fits = charged or (["would charge: nothing"], True)
    try:
        lines = _places(job, config, engine)
    except TableError as error:
        if charged is None:
            raise
        lines = [f"could not run yet: {error}"]  # its price is known without its data
    lines = ["No rows were read, and nothing was written or charged.", *lines, *said]
    return Outcome(OK if fits else FAILED_CHECK, "\n".join(lines))


def _places(job: Job[AnyConfig], config: AnyConfig, engine: Engine) -> list[str]:
    inputs, lines = job.found(config, engine), []
    output = checked_output(config, engine)
    for table in inputs.lake.tables[:_SHOWN]:
        files = f", {plural(len(table.files), 'file')}" if table.files else ""
        unread = f", {len(table.unreadable)} cannot be opened" if table.unreadable else ""
        lines.append(f"would read: {table.name} ({table.format}{files}{unread})")
    if len(inputs.lake) > _SHOWN:
        lines.append(f"would read: {len(inputs.lake) - _SHOWN} more tables")
    id = run_id_of(job.name, config_hash(config), inputs)
    if job.finished(config, output, id) is not None:
        lines.append(f"would write: nothing; already done as run {id} in {output.url}")
    else:
        names = [name for name in job.names(config) if config.report or name != "report.html"]
        lines.append(f"would write to {output.url}: {', '.join(names)}, _manifest.json")
        lines += job.check_plan(config, engine, inputs, output) if job.check_plan else []
    return lines
