"""The pandas UDF: in withColumn and in SQL, on classic Spark and Connect."""

from __future__ import annotations

import pyarrow as pa
import pytest

import rai_scale
from rai_scale.errors import ConfigError
from rai_scale.spark import redact_udf
from tests.capabilities.presidio_alone import MODEL, stock_redact
from tests.conftest import make_case

TEXTS = ["Call Anna Smith at 212-555-5555", None, "", "nothing", "mail a.smith@example.com"] * 3
SALT = "a-salt-that-must-not-show"


@pytest.fixture(params=["spark", "connect"])
def case(request, monkeypatch):
    found = make_case(request.param, request)
    if request.param == "connect":  # what SparkSession.builder.remote() sets in a client of its own
        monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")
    return found


@pytest.fixture
def frame(case):
    return case.make(pa.table({"id": range(len(TEXTS)), "t": TEXTS}), 3)


pytestmark = pytest.mark.spark


def expected() -> list[str | None]:
    return [None if t is None else stock_redact(t) for t in TEXTS]


def test_with_column_and_sql_equal_redact(case, frame):
    udf = redact_udf(model=MODEL)
    rows = case.rows(frame.withColumn("t", udf("t")), by="id")
    assert [row["t"] for row in rows] == expected()
    redacted = rai_scale.redact(frame, "t", model=MODEL)
    assert case.rows(redacted, by="id") == rows

    session = case.engine.session
    session.udf.register("redact", udf)
    frame.createOrReplaceTempView("letters")
    by_sql = session.sql("SELECT id, redact(t) AS t FROM letters WHERE id >= 0")
    assert case.rows(by_sql, by="id") == rows


def test_operators_and_secrets(case, frame, capsys):
    operators = {"PERSON": {"type": "hash", "salt": SALT}}
    udf = redact_udf(operators, model=MODEL)
    done = frame.withColumn("t", udf("t"))
    done.explain(True)
    assert SALT not in capsys.readouterr().out + repr(udf) + repr(done) + str(vars(udf))
    out = [row["t"] for row in case.rows(done, by="id")]
    same = rai_scale.redact(pa.table({"t": TEXTS}), "t", model=MODEL, operators=operators)
    assert out == same["t"].to_pylist()
    assert udf.deterministic
    drawn = redact_udf({"DEFAULT": {"type": "hash"}}, model=MODEL)
    assert not drawn.deterministic


def test_a_text_that_fails(case, frame):
    value = "Anna Smith and others"
    long = case.make(pa.table({"t": [value, "short", None]}), 1)
    null = redact_udf(model=MODEL, max_chars=10, on_error="null")
    assert [r["t"] for r in case.rows(long.withColumn("t", null("t")))] == [None, "short", None]
    stops = redact_udf(model=MODEL, max_chars=10, column="note")
    with pytest.raises(Exception, match="note: TextTooLong") as caught:
        long.withColumn("t", stops("t")).collect()
    assert "Anna" not in str(caught.value)


def test_what_is_not_text_is_refused(case, frame):
    udf = redact_udf(model=MODEL)
    with pytest.raises(Exception, match=r"redact_udf reads text; found int64\. Cast the column"):
        frame.withColumn("t", udf("id")).collect()


def test_wrong_arguments_are_told_at_once():
    with pytest.raises(ConfigError, match="column_context needs the name of the column"):
        redact_udf(model=MODEL, column_context=True)
    with pytest.raises(ConfigError, match="modle: .*Options are: language, "):
        redact_udf(modle=MODEL)
    with pytest.raises(ConfigError, match="on_error must be"):
        redact_udf(model=MODEL, on_error="skip")
    with pytest.raises(ConfigError, match="Did you mean 'PERSON'"):
        redact_udf(model=MODEL, entities=["PERSO"])


def test_the_column_name_as_context(case):
    table = pa.table({"phone": ["212-555-5555"] * 2})
    frame = case.make(table, 1)
    on = {"model": MODEL, "column_context": True, "score_threshold": 0.7}
    out = frame.withColumn("t", redact_udf(column="phone", **on)("phone"))
    assert [row["t"] for row in case.rows(out)] == ["<PHONE_NUMBER>"] * 2
    out = frame.withColumn("t", redact_udf(column="other", **on)("phone"))
    assert [row["t"] for row in case.rows(out)] == ["212-555-5555"] * 2
