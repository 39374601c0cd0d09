"""``rai-scale review-pii``: draw a sample and write its page, or estimate from decisions."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from rai_scale.engines.protocol import Engine
from rai_scale.jobs.config import EngineConfig
from rai_scale.jobs.exit_codes_and_logs import OK, Outcome
from rai_scale.jobs.inputs import one_table_of
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.quality.review import MARK, review_pii
from rai_scale.pii.quality.review_estimate import missed_pii
from rai_scale.reports.words import interval, share
from rai_scale.tables.read import read_table

LINES = {
    "texts_missed": "texts with a missed item",
    "items_missed": "personal items that were missed",
    "wrong": "findings that are not personal data",
}


class ReviewPii(EngineConfig):
    """Options of ``rai-scale review-pii``; see :func:`rai_scale.pii.review_pii`."""

    source: str
    output: str
    columns: tuple[str, ...] = Field(min_length=1)
    table: str | None = None
    analyzer: AnalyzerConfig = Field(default_factory=AnalyzerConfig)
    texts: int = Field(200, ge=2)
    flagged_share: float = Field(0.5, gt=0, lt=1)
    sample_rows: int | None = Field(10_000, ge=1)
    random_state: int = 0


def draw(config: ReviewPii, engine: Engine) -> Outcome:
    """Draw the sample and write the page."""
    found = one_table_of(config.source, config.table, engine)
    own = {*EngineConfig.model_fields, "source", "table", "output", "columns"}
    options = {name: getattr(config, name) for name in ReviewPii.model_fields if name not in own}
    page = review_pii(
        read_table(found.table, engine), config.columns, folder=config.output, **options
    )
    notes = (
        f"it shows personal data in full; see {MARK} next to it",
        "open it, decide, save the decisions, then: rai-scale review-pii --decisions FILE",
    )
    return Outcome(OK, f"review page: {page}", notes=notes)


def estimate(decisions: Path, output: str | None) -> Outcome:
    """Print what a detector misses, and write ``estimate.json`` and ``estimate.html``."""
    result = missed_pii(decisions)
    lines = [
        f"{LINES[name]}: {share(e.value)} ({interval(e.low, e.high) or 'exact'})"
        for name in LINES
        if (e := getattr(result, name)).value == e.value
    ]
    if output is not None:
        folder = Path(output)
        result.save_html(folder / "estimate.html")
        (folder / "estimate.json").write_text(result.to_json(), encoding="utf-8")
    return Outcome(OK, "\n".join(lines), notes=tuple(result.notes))
