"""A lake and its scan, made once for the tests of this folder."""

from __future__ import annotations

import pytest

from tests.capabilities.scan_lake import make_lake, scan


@pytest.fixture(scope="session")
def lake(tmp_path_factory):
    """The small lake of every kind of table."""
    return make_lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="session")
def scanned(lake):
    """Its scan on the local engine."""
    return scan(lake)
