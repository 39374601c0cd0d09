"""Each capability once on classic Spark and once on Connect: the answer is that of pandas."""

from __future__ import annotations

from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from scripts.spark_smoke import checks, near, people, tables
from tests.conftest import engine_params, make_case

CHECKS = checks()
pytestmark = pytest.mark.smoke


@cache
def on_pandas(title: str) -> Any:
    return CHECKS[title](people())


@pytest.fixture(params=engine_params(["spark", "connect"]))
def case(request: pytest.FixtureRequest) -> Any:
    return make_case(request.param, request)


@pytest.mark.parametrize("title", CHECKS)
def test_a_capability_gives_what_it_gives_on_pandas(case, title):
    frame = case.make(pa.Table.from_pandas(people(), preserve_index=False), 3)
    assert near(CHECKS[title](frame), on_pandas(title))


def test_tables_are_written_and_read(case, tmp_path):
    tables(case.engine.session, tmp_path)
