"""Redaction is Presidio's under many configurations, with and without the automaton."""

from __future__ import annotations

import importlib.util

import pytest

from tests.capabilities import redaction_parity as parity


@pytest.fixture(scope="module")
def texts() -> list[str]:
    found = parity.make_texts(200)
    assert len(found) == 200
    return found


@pytest.mark.full
@pytest.mark.parametrize("name", parity.CONFIGURATIONS)
def test_no_difference_from_presidio(name, texts):
    options = parity.CONFIGURATIONS[name]
    right = parity.expected(texts, options)
    assert right != texts
    assert parity.differences(texts, options, right) == 0
    if importlib.util.find_spec("hyperscan"):
        with parity.without_hyperscan():
            assert parity.differences(texts[:60], options, right[:60]) == 0
