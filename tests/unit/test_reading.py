"""Reading never loses a value without a word: repeated keys, odd names, hidden and broken files."""

from __future__ import annotations

import pytest

from rai_scale.engines import engine_named
from rai_scale.tables import read_table

ENGINES = pytest.mark.parametrize("engine", [engine_named("local"), engine_named("dask")])


def rows_of(path, engine):
    return engine.collect(read_table(str(path), engine)).to_pylist()


@ENGINES
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize(
    "line",
    [
        '{"id": 1, "email": "u1@example.com", "email": null}',
        '{"id": 1, "who": [{"email": "u1@example.com", "email": "x"}]}',
        '{"\\ud800": "u1@example.com", "\\ud801": 2}',
    ],
)
def test_a_repeated_key_of_json_loses_no_value(tmp_path, engine, name, line):
    lines = ['{"id": 0}', line]
    text = "[" + ",\n".join(lines) + "]" if name == "a.json" else "\n".join(lines)
    (tmp_path / name).write_text(text)
    rows = rows_of(tmp_path, engine)
    assert [(row["id"], row["_corrupt_record"]) for row in rows] == [("0", None), (None, line)]


@ENGINES
def test_a_quote_in_the_name_of_a_column(tmp_path, engine):
    (tmp_path / "a.csv").write_text('id,"q""x"\n1,a\n2,b\n')
    frame = read_table(str(tmp_path), engine)
    kept = engine.map_partitions(frame, lambda t: t, engine.schema(frame), label="x")
    assert engine.collect(kept)['q"x'].to_pylist() == ["a", "b"]
    grouped = engine.map_groups(
        frame, ['q"x'], lambda t: t, engine.schema(frame), inputs=engine.columns(frame), label="x"
    )
    assert sorted(engine.collect(grouped)['q"x'].to_pylist()) == ["a", "b"]
