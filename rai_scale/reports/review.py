"""The page of a review: one text after the other, one key per decision. It shows personal data."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from rai_scale.reports.checks import check_report, keys
from rai_scale.reports.html import render

REVIEW: dict[str, Any] = {
    **keys("title id sample"),
    "texts": [keys("stratum column text findings")],
}


def render_review(report: Mapping[str, Any]) -> str:
    """Return the HTML page of a review.

    The page has the only script of all reports. Its hash is in the page's security policy, which
    allows no other script and no connection.

    Parameters
    ----------
    report : mapping
        ``title``, ``id`` and ``sample`` (plain values that are saved with the decisions) and
        ``texts`` (``stratum``, ``column``, ``text`` and ``findings`` as start, end and entity).

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, REVIEW, "review")
    script = files("rai_scale.reports").joinpath("templates", "review.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # only "<" could end the element that holds the data
    data = json.dumps(report, ensure_ascii=True).replace("<", "\\u003c")
    return render("review.html.j2", report, script=script, digest=digest, data=data)
