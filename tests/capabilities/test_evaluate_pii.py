"""A detector measured on labelled texts: counts by hand, engines, intervals and refusals."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError
from rai_scale.pii import AnalyzerConfig, evaluate_pii
from rai_scale.pii.quality.matching import Span, match_characters, match_spans, outermost
from rai_scale.statistics.clustered_ratios import clustered_ratio, paired_difference, student
from tests.capabilities.presidio_alone import MODEL

STAFF = AnalyzerConfig(
    model=MODEL,
    entities=("STAFF",),
    patterns=({"entity": "STAFF", "regex": r"ST-\d+", "score": 0.9},),
)
SECRET = "Zaphod"


def label(text: str, value: str, entity: str = "STAFF") -> dict:
    start = text.index(value)
    span = {"entity_type": entity, "start_position": start, "end_position": start + len(value)}
    return span | {"entity_value": value}


def texts() -> list[dict]:
    rows = []
    for number in range(12):
        text = f"Ask ST-{number} and {SECRET} about XX-{number}."
        labels = [label(text, f"ST-{number}"), label(text, f"XX-{number}")]
        rows.append({"full_text": text, "spans": labels, "template_id": number % 3})
    return rows


def value(result, measure, entity="*", column="value"):
    table = result.to_pandas()
    row = table[
        (table["measure"] == measure) & (table["entity"] == entity) & (table["column"] == "*")
    ]
    return row[column].item()


def test_counts_by_hand():
    found = evaluate_pii(texts(), STAFF)
    assert (value(found, "recall"), value(found, "precision")) == (0.5, 1.0)
    assert value(found, "f2") == pytest.approx(5 * 0.5 / (4 + 0.5))
    assert found.totals() == {"texts": 12, "errors": 0, "match": "characters", "templates": 3}
    spans = evaluate_pii(texts(), STAFF, match="spans")
    assert (value(spans, "recall", "STAFF", "labelled"), value(spans, "recall")) == (24, 0.5)
    assert SECRET not in found.to_json() + found.to_html() + spans.summary()


def test_a_baseline_is_compared_on_the_same_texts():
    worse = STAFF.model_copy(update={"allow_list": ("ST-1", "ST-2", "ST-3")})
    found = evaluate_pii(texts(), STAFF, baseline=worse)
    change = value(found, "recall", column="difference")
    assert change == pytest.approx(0.5 - value(found, "recall", column="baseline"))
    assert change > 0
    gate = {"metric": "recall_change", "below": 0.0, "judged_by": "lower_bound"}
    assert found.gates(gate)[0]["value"] == change


def test_every_engine_counts_the_same(cluster_case):
    rows = pd.DataFrame(texts())
    rows["spans"] = rows["spans"].map(json.dumps)
    rows["place"] = np.where(np.arange(12) < 5, "notes", "mails")
    made = evaluate_pii(
        cluster_case.make(pa.Table.from_pandas(rows.astype({"template_id": str})), 3),
        STAFF,
        column="place",
    ).to_pandas()
    assert set(made["column"]) == {"*", "notes", "mails"}
    pd.testing.assert_frame_equal(made, evaluate_pii(rows, STAFF, column="place").to_pandas())


def test_an_entity_that_nobody_finds_is_never_silently_zero():
    rows = texts()
    rows[0]["spans"][0]["entity_type"] = "CREW"
    with pytest.raises(ConfigError, match="no detector finds: CREW"):
        evaluate_pii(rows, STAFF)
    with pytest.raises(ConfigError, match="'CREW' becomes 'STAF', which no .* mean 'STAFF'"):
        evaluate_pii(rows, STAFF, entity_map={"CREW": "STAF"})
    assert value(evaluate_pii(rows, STAFF, entity_map={"CREW": "STAFF"}), "recall") == 0.5
    missed = evaluate_pii(rows, STAFF, entity_map={"CREW": "CREW"})
    assert (value(missed, "recall", "CREW"), value(missed, "recall_any", "CREW")) == (0, 1)
    left_out = evaluate_pii(rows, STAFF, entity_map={"CREW": None})
    assert value(left_out, "precision", "STAFF", "found") == 4 * 10 + 2 * 5 - 4


@pytest.mark.parametrize(
    "change",
    [{"end_position": 999}, {"entity_value": SECRET}, {"start_position": None}],
    ids=["beyond the text", "another value", "no number"],
)
def test_labels_that_do_not_fit_are_refused(change):
    rows = texts()
    rows[3]["spans"][0].update(change)
    with pytest.raises(ConfigError, match="labels of 1 text do not fit") as raised:
        evaluate_pii(rows, STAFF)
    assert SECRET not in str(raised.value)


def test_characters_under_a_label_that_is_left_out_do_not_count():
    labels = [Span("A", 0, 4), Span(None, 4, 8)]
    found = [Span("A", 2, 10)]
    assert match_characters(10, labels, found)["A"] == (4, 4, 2, 2)
    assert match_spans(labels, found)["A"] == (1, 0, 0, 0)


def test_spans_match_one_to_one():
    labels = [Span("A", 0, 10), Span("B", 20, 30)]
    found = [Span("A", 0, 10), Span("A", 0, 9), Span("A", 20, 29)]
    counted = match_spans(labels, found)
    assert counted["A"] == (1, 3, 1, 1)
    assert counted["B"] == (1, 0, 0, 1)
    assert counted["*"] == (2, 3, 2, 2)


def test_the_outermost_finding_counts():
    presidio = pytest.importorskip("presidio_analyzer").RecognizerResult
    found = [presidio("B", 1, 4, 0.9), presidio("A", 0, 5, 0.1), presidio("C", 0, 5, 0.05)]
    assert outermost(found) == [Span("A", 0, 5)]


def test_intervals_take_account_of_templates():
    rng = np.random.default_rng(5)
    truth, covered, alone = 0.7, 0, 0
    for _ in range(400):
        rates = rng.beta(7, 3, 12)  # templates differ, texts of one are alike
        hits, sizes = rng.binomial(20, rates).astype(float), np.full(12, 20.0)
        covered += clustered_ratio(hits, sizes)[1] <= truth <= clustered_ratio(hits, sizes)[2]
        each = [np.repeat(hits.sum() / 240, 240), np.ones(240)]
        alone += abs(each[0][0] - truth) < 1.96 * np.sqrt(truth * (1 - truth) / 240)
    assert covered / 400 >= 0.93
    assert alone / 400 < 0.8


def test_edges_of_intervals():
    one, none = np.ones(5), np.zeros(5)
    assert clustered_ratio(one, one)[2] == 1
    assert 0.3 < clustered_ratio(one, one)[1] < 0.9
    assert np.isnan(clustered_ratio(none, none)).all()
    assert np.isnan(clustered_ratio(one[:1], one[:1])[1])
    assert paired_difference((one, one), (one, one)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("degrees", "known"), [(1, 12.706), (2, 4.3027), (5, 2.5706), (60, 2.0003)]
)
def test_students_quantile(degrees, known):
    assert student(0.95, degrees) == pytest.approx(known, rel=1e-4)
