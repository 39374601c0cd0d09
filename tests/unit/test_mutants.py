"""The faults of ``scripts/mutants.toml`` can be put into the package as it is."""

from __future__ import annotations

from scripts.mutants import ROOT, read_mutants


def test_every_fault_can_be_put_in():
    mutants = read_mutants()
    assert len(mutants) >= 30
    assert [problem for mutant in mutants if (problem := mutant.check(ROOT))] == []
