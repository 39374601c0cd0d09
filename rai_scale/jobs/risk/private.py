"""The private mode of the job: one release, and no exact number in what it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rai_scale._version import __version__
from rai_scale.engines.protocol import Engine
from rai_scale.gates import status_of
from rai_scale.jobs.inputs import Inputs
from rai_scale.jobs.job import Done, Run
from rai_scale.jobs.private_options import charging, unopened
from rai_scale.jobs.table_files import table_files
from rai_scale.reports.private_risk import render_private_risk
from rai_scale.statistics.json_values import json_text, plain
from rai_scale.tables.read import read_table

if TYPE_CHECKING:
    from rai_scale.jobs.risk.config import RiskJob
    from rai_scale.privacy.options import Privacy
    from rai_scale.risk.noisy_risk import NoisyClasses, NoisySizes


def compute_private(config: RiskJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Release the class sizes, or the counts of the declared bins; nothing else is measured.

    If the ledger has a release of the same table, files and parameters, it is shown again and
    nothing is charged.

    Raises
    ------
    GateFailed
        If the release exceeds the budget (exit code 1); no data are read then.
    """
    from rai_scale.privacy.disclosure import one_message

    source, asked = inputs.table, config.private
    assert asked is not None
    with charging(asked) as (ledger, notes):
        frame = one_message(lambda: read_table(source, engine))
        found = _released(config, frame, asked.privacy_on(source, ledger))
    notes += unopened(source)
    gates = found.gates(*config.gates) if config.gates else []
    name, table = next(iter(found._tables().items()))
    report: dict[str, Any] = {
        "title": config.title or f"Re-identification risk of {source.name}",
        "quasi_identifiers": list(config.quasi_identifiers),
        "totals": plain(dict(found.totals())),
        name: plain(table()),
        "privacy": dict(found.facts),
        "notes": [*found.notes, *notes],
        "gates": gates,
        "run": _run_facts(run, status_of(gates), source.name),
    }
    known = ("scope", "analyst", "dataset", "epsilon", "delta", "rho")
    facts = {key: found.facts[key] for key in known}
    return Done(
        message=f"private release: {'class sizes' if name == 'sizes' else 'declared classes'}",
        files={**table_files({name: table()}), "risk.json": json_text(report).encode()},
        page=render_private_risk(report),
        gates=gates,
        notes=tuple(notes),
        unread=inputs.unread,
        private={**facts, "reservations": [found.facts["reservation"]]},
    )


def _released(config: RiskJob, frame: Any, privacy: Privacy) -> NoisySizes | NoisyClasses:
    from rai_scale.risk.private_risk import release_class_counts, release_class_sizes

    if config.declared is not None:
        return release_class_counts(frame, privacy=privacy, declared=config.declared)
    sizes = config.sizes.model_dump()
    keys = config.quasi_identifiers
    return release_class_sizes(frame, quasi_identifiers=keys, privacy=privacy, **sizes)


def _run_facts(run: Run, status: str, table: str) -> dict[str, Any]:
    """Return the facts about the run without its time and duration, which depend on the rows."""
    known = {"run_id": run.id, "engine": run.engine, "status": status, "table": table}
    known |= {"source": run.source, "config_hash": run.config_hash}
    return {**known, "package_version": __version__}
