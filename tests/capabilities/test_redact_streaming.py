"""Redaction of a Structured Streaming frame that reads a folder as it grows."""

from __future__ import annotations

import pandas as pd
import pytest

import rai_scale
from tests.capabilities.presidio_alone import MODEL, stock_redact

TEXTS = ["I am Anna Smith", None, "", "write to a.smith@example.com", "call 212-555-5555"]


@pytest.mark.spark
@pytest.mark.parametrize("kind", ["spark_session", "connect_session"])
def test_a_folder_that_grows(request, kind, tmp_path):
    spark = request.getfixturevalue(kind)
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    frame = spark.readStream.schema("id long, text string").parquet(str(source))
    done = rai_scale.redact(frame, "text", model=MODEL, details=True)
    assert done.isStreaming
    writer = done.writeStream.format("parquet").option("checkpointLocation", str(tmp_path / "at"))
    for night, texts in enumerate((TEXTS[:3], TEXTS[3:])):  # two runs: the second reads what is new
        rows = pd.DataFrame({"id": range(3 * night, 3 * night + len(texts)), "text": texts})
        rows.to_parquet(source / f"{night}.parquet", index=False)
        query = writer.trigger(availableNow=True).start(str(out))
        assert query.awaitTermination(120)
        assert query.exception() is None
    found = pd.read_parquet(out).sort_values("id")
    assert found["id"].tolist() == list(range(5))
    assert found["text"].tolist() == [t and stock_redact(t) if t else t for t in TEXTS]
    assert set(found["_rai_status"]) == {"ok"}
    assert [len(f) for f in found["_rai_findings"]] == [1, 0, 0, 1, 1]
