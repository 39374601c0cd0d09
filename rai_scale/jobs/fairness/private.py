"""The private mode of the fairness job: one release, and nothing exact in what it says."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rai_scale.engines.protocol import Engine
from rai_scale.errors import BudgetExceededError, GateFailed
from rai_scale.jobs.config import config_hash
from rai_scale.jobs.ledgers import open_named
from rai_scale.jobs.manifest import MANIFEST, remove_manifest, run_id_of, unread_files
from rai_scale.jobs.one_table import chosen_table, package_versions, parquet_bytes
from rai_scale.jobs.outputs import files_of
from rai_scale.jobs.private_sql.messages import heard_warnings, restricted_file
from rai_scale.jobs.private_sql.outputs import finished_status
from rai_scale.jobs.run import FAILED_CHECK, OK, Outcome
from rai_scale.tables.find import find_tables
from rai_scale.tables.paths import place_of, save_bytes
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake, TableSource

if TYPE_CHECKING:
    from rai_scale.jobs.fairness.config import FairnessJob, FairnessPrivacy
    from rai_scale.privacy.options import Privacy

_SHARED = ("y_true", "y_pred", "sensitive_features", "control_features", "metrics", "disparities")
_ALSO = ("pos_label", "n_boot", "confidence", "random_state", "small_group")


def run_private(config: FairnessJob, privacy: FairnessPrivacy, engine: Engine) -> Outcome:
    """Release once, write the tables, ``fairness.json``, ``report.html``, and the manifest last.

    A release that the ledger holds for the same table, files and parameters is written again from
    there, and nothing is charged.

    Raises
    ------
    GateFailed
        If the release goes over the budget (exit code 1); no data are read then.
    """
    from rai_scale.fairness.private.assess import assess_private
    from rai_scale.privacy.disclosure import one_message

    found = find_tables(config.source, engine=engine)
    source = chosen_table(found, config.source, config.table)
    lake = Lake((source,))
    versions = package_versions("fairlearn", "scikit-learn", "scipy", "numpy", "opendp")
    run_id = run_id_of("fairness", config_hash(config), lake, versions)
    report = place_of(config.output).child("report.html").url
    before = finished_status(config.output, run_id)
    if before is not None:
        message = f"already done as run {run_id}; nothing was charged"
        code = FAILED_CHECK if before == "failed" else OK
        return Outcome(code, message, report, unread=unread_files(lake))
    with heard_warnings() as notes, restricted_file(privacy.restricted_log):
        ledger = open_named(privacy.ledger, force_ephemeral=privacy.force_ephemeral)
        frame = one_message(lambda: read_table(source, engine))
        options = {name: getattr(config, name) for name in (*_SHARED, *_ALSO)}
        try:
            result = assess_private(
                frame,
                private=_asked(privacy, source, ledger),
                gates=list(config.fail_if),
                title=config.title or f"Fairness of {config.y_pred} in {source.name}",
                **options,
            )
        except BudgetExceededError as error:
            raise GateFailed(str(error)) from None
    if source.unreadable:
        notes.append(f"{len(source.unreadable)} file(s) could not be opened and were left out.")
    known = {"config_hash": config_hash(config), "source": config.source, "table": source.name}
    run = {**result.run, **known, "run_id": run_id or uuid.uuid4().hex[:16]}
    result = replace(result, run=run, notes=[*result.notes, *notes])
    _write(config, result, versions=versions, source=source)
    code = FAILED_CHECK if run["status"] == "failed" else OK
    failed = tuple(f"{g['name']}: {g['detail']}" for g in result.gates() if not g["passed"])
    return Outcome(code, _summary(result), report, (*failed, *notes), unread_files(lake))


def _asked(privacy: FairnessPrivacy, source: TableSource, ledger: Any) -> Privacy:
    """Return the options of the release; a hash of place and state tells one table from others."""
    state = privacy.snapshot or source.snapshot
    told = None
    if state is not None:
        told = hashlib.sha256(f"{source.location}\n{state}".encode()).hexdigest()
    from rai_scale.privacy.options import Privacy

    return Privacy(
        ledger=ledger,
        privacy_unit=privacy.unit,
        groups=privacy.groups,
        labels=list(privacy.labels),
        epsilon=privacy.epsilon,
        rho=privacy.rho,
        delta=privacy.delta,
        max_rows=privacy.max_rows,
        scope=privacy.scope,
        analyst=privacy.analyst,
        dataset=privacy.dataset or source.name,
        snapshot=told,
        visible_to=privacy.visible_to,
    )


def _write(
    config: FairnessJob, result: Any, *, versions: dict[str, str], source: TableSource
) -> None:
    from rai_scale.privacy.disclosure import private_facts

    output = place_of(config.output)
    remove_manifest(config.output)  # it speaks of the tables that are replaced now
    for name, table in result.tables.items():
        save_bytes(output.child(f"{name}.parquet"), parquet_bytes(table))
    save_bytes(output.child("fairness.json"), result.to_json().encode())
    save_bytes(output.child("report.html"), result.to_html().encode())
    names = [*(f"{name}.parquet" for name in result.tables), "fairness.json", "report.html"]
    spent = result.settings["privacy"]
    manifest = private_facts(
        {
            **result.run,
            **{"job": "fairness", "engine": config.engine, "versions": versions},
            "inputs": [{key: getattr(source, key) for key in ("name", "format", "snapshot")}],
            "outputs": {name: output.child(name).url for name in [*names, MANIFEST]},
            "files": files_of(output, names),
            "seeds": {"replicates": config.random_state},
            **{key: spent[key] for key in ("scope", "analyst", "dataset")},
            **{key: spent[key] for key in ("epsilon", "delta", "rho")},
            "reservations": [spent["reservation"]],
        }
    )
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
    save_bytes(output.child(MANIFEST), text.encode())


def _summary(result: Any) -> str:
    s = result.totals()
    usable = int(result.tables["by_group"]["value"].notna().sum())
    text = f"private release: {usable} of {len(result.tables['by_group'])} values are usable"
    if s["gates"]:
        text += f", {s['gates'] - s['gates_failed']} of {s['gates']} gates hold"
    return text
