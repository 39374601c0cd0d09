"""The private mode of the job: one release, and no exact number in what it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rai_scale.engines.protocol import Engine
from rai_scale.gates import status_of
from rai_scale.jobs.inputs import Inputs
from rai_scale.jobs.job import Done, Run
from rai_scale.jobs.private_options import charged_facts, charging, run_facts, unopened
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
        "run": run_facts(run, status_of(gates), source.name),
    }
    return Done(
        message=f"private release: {'class sizes' if name == 'sizes' else 'declared classes'}",
        files={**table_files({name: table()}), "risk.json": json_text(report).encode()},
        page=render_private_risk(report),
        gates=gates,
        notes=tuple(notes),
        unread=inputs.unread,
        private=charged_facts(found.facts),
    )


def _released(config: RiskJob, frame: Any, privacy: Privacy) -> NoisySizes | NoisyClasses:
    from rai_scale.risk.private_risk import release_class_counts, release_class_sizes

    if config.declared is not None:
        return release_class_counts(frame, privacy=privacy, declared=config.declared)
    sizes = config.sizes.model_dump()
    keys = config.quasi_identifiers
    return release_class_sizes(frame, quasi_identifiers=keys, privacy=privacy, **sizes)
