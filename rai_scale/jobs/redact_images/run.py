"""The job that redacts images: files into the folder of the run, then findings, page and gates."""

from __future__ import annotations

from typing import Any

from rai_scale.engines.protocol import Engine
from rai_scale.gates import check_metrics, status_of
from rai_scale.jobs.inputs import Inputs, models_used, package_versions
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.redact_images.config import RedactImagesJob
from rai_scale.jobs.table_files import file_names, table_files
from rai_scale.pii.analysis.versions import language_versions
from rai_scale.pii.images.find_files import find_image_files
from rai_scale.pii.images.folders import check_installed, redact_image_files
from rai_scale.pii.images.result import TOTALS, ImageRedaction
from rai_scale.reports.images import render_images
from rai_scale.tables.images.tesseract import program_version

IMAGES = "images"
"""The folder of the redacted files in the output."""
_PACKAGES = ("pillow", "pypdfium2", "pydicom", "dicom-anonymizer")


def find_inputs(config: RedactImagesJob, engine: Engine) -> Inputs:
    """Find all files of the source, without opening any."""
    lake = find_image_files(config.source, config.ignore)
    check_installed(config.analyzer, config.ocr, engine)
    versions = language_versions(config.analyzer.model_names) | package_versions(*_PACKAGES)
    return Inputs(lake, versions | {"tesseract": program_version()})


def compute(config: RedactImagesJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Write the redacted files, ``findings.parquet``, ``files.parquet`` and the report."""
    target = run.folder.child(IMAGES)
    run.stage.expect([f"{IMAGES}/"])
    result = redact_image_files(
        inputs.lake, target, engine, config.analyzer, config.ocr, config.limits
    )
    totals = result.totals()
    gates = result.gates(*config.gates) if config.gates else []
    status = "warnings" if totals["not_read"] else "ok"
    used = models_used(config.analyzer.model_names, inputs.versions)
    facts = run.facts(status_of(gates, status), **used)
    report = images_report(config, result, facts) | {"gates": gates}
    written = (IMAGES,) if totals["redacted"] or totals["nothing_found"] else ()
    return Done(
        message=f"{totals['redacted']:,} of {totals['files']:,} files redacted, "
        f"{totals['nothing_found']:,} without findings, {totals['not_read']:,} not read",
        files=table_files({"findings": result.findings, "files": result.files}),
        page=render_images(report),
        tables=written if run.stage.links else (),
        inside=() if run.stage.links else written,
        status=status,
        unread=totals["not_read"],
        details={"report": report},
        metrics=totals,
        gates=gates,
    )


def images_report(
    config: RedactImagesJob, result: ImageRedaction, facts: dict[str, Any]
) -> dict[str, Any]:
    """Return the report of a run as plain values, without its gates."""
    return {
        "title": config.title or "Redaction of images",
        "run": facts,
        "totals": result.totals(),
        "entities": result.by_entity().to_dict("records"),
        "not_read": result.not_read(),
        "settings": result.settings,
    }


JOB = Job(
    "redact-images",
    RedactImagesJob,
    find_inputs,
    compute,
    writes=(IMAGES, *file_names("findings", "files"), "report.html"),
    check_gates=lambda config, _: check_metrics(config.gates, TOTALS),
)
