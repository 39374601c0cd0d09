"""The page of an image redaction: what was painted over, and which files were not read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rai_scale.reports.checks import check_report, keys
from rai_scale.reports.html import render

MOST_SHOWN = 200
"""Files that were not read and are listed one by one; the table of files has all of them."""
IMAGES: dict[str, Any] = {
    **keys("title"),
    "run": keys("run_id started engine status"),
    "totals": keys("files redacted nothing_found not_read pages findings"),
    "entities": [keys("entity words pages files")],
    "not_read": [keys("file why")],
    "settings": {"ocr": keys("language dpi thorough")},
}


def render_images(report: Mapping[str, Any]) -> str:
    """Return the HTML page of an image redaction; it contains names of files, and no texts.

    Parameters
    ----------
    report : mapping
        ``title``, ``run``, ``totals`` (``files``, ``redacted``, ``nothing_found``, ``not_read``,
        ``pages``, ``findings``), ``entities`` (``entity``, ``words``, ``pages``, ``files``),
        ``not_read`` (``file``, ``why``) and ``settings`` (``ocr``); optional ``gates``.

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, IMAGES, "image redaction")
    reasons = Counter(row["why"] for row in report["not_read"]).most_common()
    return render(
        "images.html.j2",
        report,
        reasons=reasons,
        unread=report["not_read"][:MOST_SHOWN],
        further=max(0, len(report["not_read"]) - MOST_SHOWN),
    )
