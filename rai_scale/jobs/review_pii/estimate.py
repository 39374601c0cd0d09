"""``rai-scale missed-pii``: from the decisions of a review to what a detector misses."""

from __future__ import annotations

from pathlib import Path

from rai_scale.jobs.exit_codes_and_logs import OK, Outcome
from rai_scale.pii.quality.review_estimate import missed_pii
from rai_scale.reports.words import interval, share
from rai_scale.tables.paths import place_of, save_bytes

LINES = {
    "texts_missed": "texts with a missed item",
    "items_missed": "personal items that were missed",
    "wrong": "findings that are not personal data",
}


def estimate(decisions: Path, output: str | None) -> Outcome:
    """Print what a detector misses, and write ``estimate.json`` and ``estimate.html``."""
    result = missed_pii(decisions)
    lines = [
        f"{LINES[name]}: {share(e.value)} ({interval(e.low, e.high) or 'exact'})"
        for name in LINES
        if (e := getattr(result, name)).value == e.value
    ]
    page = None
    if output is not None:
        folder = place_of(output)
        save_bytes(folder.child("estimate.json"), result.to_json().encode())
        save_bytes(folder.child("estimate.html"), result.to_html().encode())
        page = folder.child("estimate.html").url
    return Outcome(OK, "\n".join(lines), page, notes=tuple(result.notes))
