"""The lifecycle of all jobs; a job only adds its configuration, its inputs and ``compute``.

1. The output is locked (``jobs/outputs.py``), the inputs are found, and the run gets its id.
2. A run that finished before, and whose outputs are unchanged, ends with the same exit code.
3. ``compute`` stages tables in the folder of the run; its other files are written next to them.
4. MLflow, the manifest (the last file of the run), and the switch (``jobs/publish.py``).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from rai_scale._version import __version__
from rai_scale.engines.protocol import Engine
from rai_scale.gates import failures, status_of
from rai_scale.jobs.config import JobConfig, config_hash
from rai_scale.jobs.exit_codes_and_logs import CODES, Outcome, code_with_unread
from rai_scale.jobs.inputs import Inputs, run_id_of
from rai_scale.jobs.manifest import (
    MANIFEST,
    SCHEMA_VERSION,
    Facts,
    finished,
    input_facts,
    output_facts,
)
from rai_scale.jobs.metrics import metric_facts
from rai_scale.jobs.outputs import own_output
from rai_scale.jobs.publish import (
    Stage,
    check_names,
    current_run,
    pointer_to,
    publish,
    staged,
    tidy,
)
from rai_scale.results import log_to_mlflow
from rai_scale.statistics.json_values import json_text
from rai_scale.tables.delta_versions import all_or_none
from rai_scale.tables.paths import Place
from rai_scale.tables.pointer import POINTER

_LOG = logging.getLogger(__name__)
PAGE = "report.html"
AnyConfig = TypeVar("AnyConfig", bound=JobConfig)


@dataclass(frozen=True)
class Run:
    """A run in progress, with the folder in which its tables are staged."""

    job: str
    id: str
    config_hash: str
    engine: str
    source: str
    stage: Stage
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.monotonic)

    @property
    def folder(self) -> Place:
        """The folder of the run, hidden until the switch."""
        return self.stage.place

    def facts(self, status: str = "ok", **more: Any) -> Facts:
        """Return the facts about the run that a report shows."""
        return {
            "run_id": self.id,
            "started": self.started.isoformat(timespec="seconds"),
            "engine": self.engine,
            "status": status,
            "source": self.source,
            "config_hash": self.config_hash,
            "package_version": __version__,
            "seconds": round(time.monotonic() - self.clock, 1),
            **more,
        }


@dataclass(frozen=True)
class Done:
    """What ``compute`` returns.

    Attributes
    ----------
    message : str
        One line that is printed.
    files : dict of str to bytes
        Small files by name.
    page : str or None
        ``report.html``.
    tables : tuple of str
        Staged tables that also have their names in the output.
    inside : tuple of str
        Tables that are reached through the pointer alone.
    delta_tables : tuple of str
        Delta tables of the output, which ``commit`` replaces.
    commit : callable, optional
        What is changed outside of the folder of the run, right before the switch.
    settle : callable
        The same, right after it.
    status : {"ok", "warnings", "failed"}
    notes : tuple of str
        Further lines that are printed, after those of failed gates.
    unread : int
        Items that were not looked at.
    rows, seeds, details, profile, metrics : plain values for the manifest
    model_hash : str or None, of a model that was made here
    gates : sequence of dict
        Outcomes of the gates of the configuration. A failed gate makes the run ``failed``.
    private : dict or None
        Entries of the manifest of a private run, which has no others that depend on rows.
    """

    message: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    page: str | None = None
    tables: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    delta_tables: tuple[str, ...] = ()
    commit: Callable[[], str | None] | None = None
    settle: Callable[[], object] = tuple
    status: str = "ok"
    notes: tuple[str, ...] = ()
    unread: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    profile: tuple[Facts, ...] = ()
    metrics: Any = ()
    model_hash: str | None = None
    gates: Sequence[Mapping[str, Any]] = ()
    private: Mapping[str, Any] | None = None

    def judged(self) -> Done:
        """Return the same with the status and the notes that follow from the gates."""
        details = {**self.details, "gates": list(self.gates)}
        notes = (*failures(self.gates), *self.notes)
        status = status_of(self.gates, self.status)
        return replace(self, status=status, notes=notes, details=details)


@dataclass(frozen=True)
class Job(Generic[AnyConfig]):
    """A job: what it adds to the lifecycle.

    Attributes
    ----------
    name : str
        Name of its command, and in its manifest.
    config : type
    inputs : callable (config, engine) -> Inputs
        Finds the inputs without reading a row; raises if they do not fit the configuration.
    compute : callable (config, engine, inputs, run) -> Done
    writes : tuple of str, or callable config -> sequence of str
        Names in the output.
    settled : callable (config, run id) -> bool, optional
        Whether what the run leaves outside of its output is there.
    charges : callable (config, advise) -> (lines, fits) or None, optional
        Describes the privacy cost and whether the budget allows it, without reading a row; None
        for a run that is not private. ``advise`` is an error to aim for.
    check_gates : callable (config, inputs) -> None, optional
        Raises :class:`~rai_scale.gates.GateError` for a gate on a metric that is never measured.
    check_plan : callable (config, engine, inputs, output) -> list of str, optional
        For a dry run: raises what a run would raise before it reads rows; returns further lines.
    private : bool
        Whether only its owner may read what a run writes, on a local disk.
    """

    name: str
    config: type[AnyConfig]
    inputs: Callable[[AnyConfig, Engine], Inputs]
    compute: Callable[[AnyConfig, Engine, Inputs, Run], Done]
    writes: tuple[str, ...] | Callable[[AnyConfig], Sequence[str]]
    settled: Callable[[AnyConfig, str | None], bool] | None = None
    charges: Callable[[AnyConfig, str | None], tuple[list[str], bool] | None] | None = None
    check_gates: Callable[[AnyConfig, Inputs], object] | None = None
    check_plan: Callable[[AnyConfig, Engine, Inputs, Place], list[str]] | None = None
    private: bool = False

    def names(self, config: AnyConfig) -> Sequence[str]:
        """Return the names in the output of a run."""
        return self.writes(config) if callable(self.writes) else self.writes

    def found(self, config: AnyConfig, engine: Engine) -> Inputs:
        """Return the inputs of a run whose gates name metrics that can be measured."""
        inputs = self.inputs(config, engine)
        if config.gates and self.check_gates:
            self.check_gates(config, inputs)
        return inputs

    def run(self, config: AnyConfig, engine: Engine) -> Outcome:
        """Run the job; afterwards the output is the whole new one, or unchanged."""
        with own_output(config, engine) as output:
            inputs = self.found(config, engine)
            known = run_id_of(self.name, config_hash(config), inputs)
            page = output.child(PAGE).url if config.report else None
            before = self.finished(config, output, known)
            if before is not None:
                tidy(output)
                verb = "was charged" if "scope" in before else "changed"
                text = f"already done as run {known}; nothing {verb}"
                code, unread = CODES[before["status"]], before.get("unread", inputs.unread)
                return Outcome(code, text, page, unread=unread)
            check_names(output, [*self.names(config), PAGE, MANIFEST])
            id = known or uuid.uuid4().hex[:16]
            with staged(output, id, self.private) as stage:
                source = str(getattr(config, "source", ""))
                run = Run(self.name, id, config_hash(config), engine.name, source, stage)
                done = self.compute(config, engine, inputs, run).judged()
                said = _publish(config, engine, inputs, run, done)
                done.settle()
        notes = (*done.notes, said) if said else done.notes
        return Outcome(CODES[done.status], done.message, page, notes, done.unread)

    def finished(self, config: AnyConfig, output: Place, id: str | None) -> Facts | None:
        """Return the manifest of a run if it has finished and its outputs are unchanged."""
        settled = self.settled is None or self.settled(config, id)
        return finished(output, id) if settled else None


def _publish(config: JobConfig, engine: Engine, inputs: Inputs, run: Run, done: Done) -> str | None:
    page = done.page if config.report else None
    files = dict(done.files) | ({PAGE: page.encode()} if page else {})
    files |= {} if done.delta_tables else {POINTER: pointer_to(run.stage)}
    run.stage.expect([*files, MANIFEST])
    for name, content in files.items():
        run.stage.save(name, content)
    if config.mlflow:
        overall = [m for m in metric_facts(done.metrics) if not m["group"]]
        log_to_mlflow({m["name"]: m["value"] for m in overall}, (lambda: page) if page else None)
    output = run.stage.output
    separate = [output.child(name) for name in done.delta_tables]
    with all_or_none(separate, engine, lambda: current_run(output) == run.stage.name):
        said = done.commit() if done.commit else None
        facts = _manifest(inputs, run, done, _outputs(run, done, list(files)))
        facts["time_zone"] = _time_zone(config, engine)
        run.stage.save(MANIFEST, json_text(facts).encode())
        publish(run.stage, [*files, MANIFEST], done.tables, engine)
    _LOG.info("%s is run %s: %s", output.url, run.id, done.status)
    return said


def _outputs(run: Run, done: Done, files: list[str]) -> Facts:
    output, here = run.stage.output, run.stage.name
    shown = [*files, *(done.tables if run.stage.links else ())]
    inside = [*done.inside, *(() if run.stage.links else done.tables)]
    outputs = {name: output_facts(run.stage.of(name)) for name in shown}
    outputs |= {f"{here}/{name}": output_facts(run.stage.of(name)) for name in inside}
    return outputs | {name: output_facts(output.child(name)) for name in done.delta_tables}


def _manifest(inputs: Inputs, run: Run, done: Done, outputs: Facts) -> Facts:
    facts: Facts = {
        "schema_version": SCHEMA_VERSION,
        "run_id": run.id,
        "job": run.job,
        "status": done.status,
        "config_hash": run.config_hash,
        "engine": run.engine,
        "versions": inputs.versions,
        "model_hash": done.model_hash or inputs.model_hash,
        "inputs": input_facts(inputs.lake, done.private is not None),
        "outputs": outputs,
        "seeds": dict(done.seeds),
        "unread": done.unread,
    }
    if done.private is not None:
        from rai_scale.privacy.disclosure import private_facts

        return private_facts(facts | dict(done.private))
    return facts | {
        "exit_code": code_with_unread(CODES[done.status], done.unread),
        "started": run.started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - run.clock, 1),
        "rows": dict(done.rows),
        "profile": list(done.profile),
        "metrics": metric_facts(done.metrics),
        "details": dict(done.details),
    }


def _time_zone(config: JobConfig, engine: Engine) -> str:
    """Return the time zone of the configuration, else that of the engine's session."""
    asked, session = getattr(config, "time_zone", None), getattr(engine, "session", None)
    if asked is not None:
        return str(asked)
    if session is not None:
        return str(session.conf.get("spark.sql.session.timeZone"))
    from rai_scale.engines.database import connection

    return str(connection().sql("SELECT current_setting('TimeZone')").fetchall()[0][0])
