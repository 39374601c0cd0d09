"""The review job: one pass over a table draws the texts, and writes the page for a person."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from rai_scale.engines.protocol import Engine
from rai_scale.gates import check_gates, check_metrics, status_of
from rai_scale.jobs.inputs import Inputs, models_used, one_table_of
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.metrics import metric_figures
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.review_pii.config import ReviewPiiJob
from rai_scale.pii.analysis.versions import language_versions
from rai_scale.pii.quality.review import (
    IGNORED,
    MARK,
    NOTE,
    PAGE,
    check_reviewed,
    draw_review,
    review_page,
)
from rai_scale.pii.quality.review_sample import FLAGGED, UNFLAGGED
from rai_scale.reports.result import render_result
from rai_scale.tables.paths import Place
from rai_scale.tables.read import read_table

METRICS = ("texts", FLAGGED, UNFLAGGED, "failed")


def find_inputs(config: ReviewPiiJob, engine: Engine) -> Inputs:
    """Find the table."""
    found = one_table_of(config.source, config.table, engine)
    return replace(found, versions=language_versions(config.analyzer.model_names))


def compute(config: ReviewPiiJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Draw the texts, and make ``review.html``, which shows them, and a report, which does not."""
    sample = draw_review(
        read_table(inputs.table, engine),
        config.columns,
        config.analyzer,
        texts=config.texts,
        flagged_share=config.flagged_share,
        sample_rows=config.sample_rows,
        random_state=config.random_state,
    )
    title = config.title or f"Review of a detector on {inputs.table.name}"
    totals = {name: stratum.drawn for name, stratum in sample.strata.items()}
    totals |= {"texts": len(sample.texts), "failed": sample.failed}
    gates = check_gates(config.gates, metric_figures(totals))
    models = models_used(config.analyzer.model_names, inputs.versions)
    facts = {**run.facts(status_of(gates), **models), "review": sample.id}
    said = f"{len(sample.texts):,} texts to review, {totals[UNFLAGGED]:,} of them without findings"
    strata = pd.DataFrame(sample.facts()["strata"]).T.rename_axis("stratum").reset_index()
    return Done(
        message=said,
        files={PAGE: review_page(sample, title).encode(), MARK: NOTE.encode(), **IGNORED},
        page=render_result(
            title,
            said,
            {"run": pd.DataFrame(facts.items(), columns=["fact", "value"]), "strata": strata},
            gates=gates,
        ),
        gates=gates,
        notes=(
            f"{run.stage.output.child(PAGE).url} shows personal data in full; see {MARK}",
            "open it, decide, save the decisions, then: rai-scale missed-pii FILE",
        ),
        unread=inputs.unread + sample.failed,
        rows={"in": sample.total_rows, "out": sample.rows, "quarantined": 0, "skipped": 0},
        seeds={"random_state": config.random_state},
        details=sample.facts(),
        profile=(profile_of(inputs.table),),
        metrics=totals,
    )


def check_plan(config: ReviewPiiJob, engine: Engine, inputs: Inputs, output: Place) -> list[str]:
    """Raise what a run would raise about its columns."""
    check_reviewed(config.columns, engine.schema(read_table(inputs.table, engine)))
    return []


JOB = Job(
    "review-pii",
    ReviewPiiJob,
    find_inputs,
    compute,
    writes=(PAGE, MARK, "report.html"),
    check_gates=lambda config, _: check_metrics(config.gates, METRICS),
    check_plan=check_plan,
    private=True,
)
