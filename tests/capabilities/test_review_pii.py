"""A review: the sample, the page in a browser, and whether estimates cover the truth."""

from __future__ import annotations

import base64
import json
import re
import shutil
import stat
import subprocess

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError
from rai_scale.pii import AnalyzerConfig, missed_pii, review_pii
from rai_scale.pii.quality.review_sample import FLAGGED, STRATA, UNFLAGGED, draw_texts
from rai_scale.statistics.exact_intervals import clopper_pearson, garwood
from scripts.review_coverage import covered, population
from tests.capabilities.presidio_alone import MODEL

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
STAFF = AnalyzerConfig(
    model=MODEL,
    entities=("STAFF",),
    patterns=({"entity": "STAFF", "regex": r"ST-\d+", "score": 0.9},),
)
SECRET = "Zaphod \U0001f600 </script>"


def rows(count: int = 60) -> pd.DataFrame:
    texts = [f"Ask ST-{i} or {SECRET}." if i % 3 else f"{SECRET} {i}" for i in range(count)]
    return pd.DataFrame({"id": range(count), "note": texts})


def data_of(page: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_sample_is_the_same_on_every_engine(cluster_case):
    sizes = {FLAGGED: 4, UNFLAGGED: 6}
    drawn = [
        draw_texts(case_frame, engine, STAFF, ["note"], sizes, None, 3)
        for case_frame, engine in (
            (cluster_case.make(pa.Table.from_pandas(rows()), 3), cluster_case.engine),
            (cluster_case.make(pa.Table.from_pandas(rows()[::-1]), 1), cluster_case.engine),
        )
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0].strata[FLAGGED].texts == 40
    assert [t.stratum for t in drawn[0].texts].count(UNFLAGGED) == 6
    assert all(bool(t.findings) == (t.stratum == FLAGGED) for t in drawn[0].texts)


def test_the_page_is_private_and_marked(tmp_path):
    page = review_pii(rows(), "note", folder=tmp_path / "r", analyzer=STAFF, texts=10)
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700
    assert "personal data" in (page.parent / "CONTAINS_PERSONAL_DATA.txt").read_text()
    html = page.read_text()
    assert SECRET not in html
    assert SECRET in data_of(html)["texts"][0]["text"]
    assert "default-src 'none'; connect-src 'none'" in html
    assert not re.search(r"(src|href)=", html)
    review_pii(rows(), "note", folder=tmp_path / "r", analyzer=STAFF, texts=10)
    (page.parent / "mine.txt").touch()
    with pytest.raises(ConfigError, match="has other files"):
        review_pii(rows(), "note", folder=tmp_path / "r", analyzer=STAFF)


PRESS = """<script>onload = () => {
const own = document.querySelector('iframe').contentWindow
const press = key => own.document.dispatchEvent(new own.KeyboardEvent('keydown', {key}))
own.URL.createObjectURL = () => '#'
own.Blob = function (parts) { document.body.dataset.saved = btoa(parts[0]) }
for (const key of KEYS) press(key)
let sent = 'sent'
const request = new own.XMLHttpRequest()
try { request.open('GET', 'https://example.com/', false); request.send() } catch { sent = 'refused' }
document.body.dataset.widths = own.document.documentElement.scrollWidth
document.body.dataset.shown = own.document.getElementById('done').textContent + ', ' + sent
}</script>"""


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed: apt-get install chromium")
@pytest.mark.parametrize("width", [390, 1280])
def test_one_key_per_decision_in_a_browser(tmp_path, width):
    page = review_pii(rows(), "note", folder=tmp_path / "r", analyzer=STAFF, texts=6)
    strata = [text["stratum"] for text in data_of(page.read_text())["texts"]]
    flagged = strata.index(FLAGGED)
    keys = ["0"] * flagged + ["w", "2", *["1"] * (5 - flagged), "s"]
    frame = f"<iframe src=r/review.html style='border:0; width:{width}px; height:900px'></iframe>"
    outer = tmp_path / "outer.html"
    outer.write_text(f"<body>{frame}" + PRESS.replace("KEYS", json.dumps(keys)))
    flags = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update", "--disable-quic"),
        *("--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}"),
        "--dump-dom",
    ]
    run = subprocess.run(
        [str(CHROMIUM), *flags, outer.as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert 'data-shown="6 of 6 decided, refused"' in run.stdout, run.stdout[-600:]
    assert int(re.search(r'data-widths="(\d+)"', run.stdout)[1]) <= width
    saved = base64.b64decode(re.search(r'data-saved="([^"]+)"', run.stdout)[1]).decode()
    assert "Zaphod" not in saved
    decisions = json.loads(saved)["decisions"]
    assert [d["missed"] for d in decisions] == [0] * flagged + [2] + [1] * (5 - flagged)
    assert decisions[flagged] == {"text": flagged, "stratum": FLAGGED, "missed": 2, "wrong": 1}
    (tmp_path / "decisions.json").write_text(saved)
    assert missed_pii(tmp_path / "decisions.json").totals()["reviewed"] == 6


def decided(flagged: list[tuple[int, int]], unflagged: list[int], texts: int = 1000) -> dict:
    strata = {
        FLAGGED: {"texts": texts // 2, "drawn": len(flagged), "findings": texts},
        UNFLAGGED: {"texts": texts // 2, "drawn": len(unflagged), "findings": 0},
    }
    answers = [{"stratum": FLAGGED, "missed": m, "wrong": w} for m, w in flagged]
    answers += [{"stratum": UNFLAGGED, "missed": m, "wrong": 0} for m in unflagged]
    sample = {"rows": texts, "total_rows": texts, "failed": 0, "strata": strata}
    return {"sample": sample, "decisions": answers}


def test_estimates_by_hand():
    found = missed_pii(decided([(1, 0), (0, 1), (0, 0), (0, 0)], [2, 0]))
    assert found.texts_missed.value == 0.5 * 0.25 + 0.5 * 0.5
    assert found.items_per_text.value == 0.5 * 0.25 + 0.5 * 1
    assert found.wrong.value == 0.25 / 2
    assert found.items_missed.value == pytest.approx(625 / (625 + 1000 * (1 - 0.125)))


def test_everything_reviewed_is_exact():
    found = missed_pii(decided([(1, 0)] * 5, [0] * 5, texts=10))
    assert found.texts_missed == (0.5, 0.5, 0.5)


def test_nothing_missed_still_has_an_upper_bound():
    found = missed_pii(decided([(0, 0)] * 100, [0] * 100))
    assert found.texts_missed.value == found.items_missed.value == 0
    assert 0.01 < found.texts_missed.high < 0.03


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"decisions": []}, "no flagged and no unflagged text was decided"),
        ({"sample": {}}, "not in the format"),
        ({"decisions": [{"stratum": FLAGGED, "missed": -1, "wrong": 0}]}, "not in the format"),
        ({"decisions": [{"stratum": FLAGGED, "missed": 0.5, "wrong": 0}]}, "not in the format"),
        (
            {"decisions": [{"text": 1, "stratum": s, "missed": 0, "wrong": 0} for s in STRATA]},
            "once",
        ),
    ],
)
def test_files_that_are_not_decisions(change, said):
    with pytest.raises(ConfigError, match=said):
        missed_pii(decided([(0, 0)], [0]) | change)


def test_what_is_no_review():
    with pytest.raises(ConfigError, match="not in the format"):
        missed_pii([1])
    with pytest.raises(ConfigError, match="confidence must be a number between 0 and 1; found 95"):
        missed_pii(decided([(0, 0)], [0]), confidence=95)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"texts": "10"}, "texts must be an integer of at least 2; found '10'"),
        ({"flagged_share": 50}, "flagged_share must be a number between 0 and 1"),
        ({"sample_rows": 0}, "sample_rows must be an integer of at least 1"),
        ({"random_state": "x"}, "random_state must be an integer; found 'x'"),
        ({"analyzer": MODEL}, "analyzer must be an AnalyzerConfig; found str"),
    ],
)
def test_what_a_review_refuses(tmp_path, option, said):
    with pytest.raises(ConfigError, match=said):
        review_pii(rows(), "note", folder=tmp_path / "r", **{"analyzer": STAFF, **option})


def test_known_intervals():
    assert clopper_pearson(3, 20) == pytest.approx((0.0320709, 0.3789268), abs=1e-6)
    assert clopper_pearson(0, 100)[0] == 0
    assert garwood(10) == pytest.approx((4.795389, 18.390356), abs=1e-5)


def test_simulated_reviews_cover_the_truth():
    shares = covered(population(np.random.default_rng(1), 4_000), 60)
    assert min(shares.values()) >= 0.9
