from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from rai_scale.statistics.suppression import hidden_cells


def follows(counts: np.ndarray, hidden: np.ndarray, totals: list, cell: int) -> bool:
    """Whether a hidden cell follows from what is shown: its least and largest value are equal."""
    masks = [np.array(labels) == one for labels in totals for one in set(labels)]
    masks.append(np.ones(len(counts), bool))
    matrix = np.array([mask[hidden] for mask in masks], float)
    sums = [counts[mask & hidden].sum() for mask in masks]
    goal = (np.flatnonzero(hidden) == cell).astype(float)
    ends = [linprog(sign * goal, A_eq=matrix, b_eq=sums, bounds=(None, None)) for sign in (1, -1)]
    return all(end.status == 0 for end in ends) and abs(ends[0].fun + ends[1].fun) < 1e-6


@pytest.mark.parametrize("seed", range(12))
def test_no_small_cell_follows_from_the_totals_of_a_table(seed):
    rng = np.random.default_rng(seed)
    down, across = rng.integers(2, 6, 2)
    counts = rng.choice([0, 2, 7, 15, 40], down * across)
    totals = [np.repeat(range(down), across).tolist(), np.tile(range(across), down).tolist()]
    hidden = hidden_cells(counts, 10, totals)
    small = (counts > 0) & (counts < 10)
    assert hidden[small].all()
    assert hidden.any() == small.any()
    for cell in np.flatnonzero(small):
        if not hidden.all():
            assert not follows(counts, hidden, totals, cell), cell
    for labels in [*totals, [0] * len(counts)]:
        for one in set(labels):
            inside = np.array(labels) == one
            if (inside & hidden).any() and not hidden[inside].all():
                assert counts[inside & hidden].sum() >= 10


def test_two_hidden_cells_per_row_and_column_are_not_enough():
    # the cell in the middle is the only way between two blocks of hidden cells, so it follows
    hidden = np.zeros((5, 5), bool)
    hidden[:2, :2] = hidden[3:, 3:] = True
    hidden[1, 3] = True
    counts = np.where(hidden, 6, 50)
    found = hidden_cells(counts.ravel(), 10, [np.repeat(range(5), 5), np.tile(range(5), 5)])
    assert found.sum() > hidden.sum()


def test_nothing_is_hidden_if_no_cell_is_small():
    assert not hidden_cells([0, 10, 12], 10).any()
    assert hidden_cells([3, 10, 12], 10).tolist() == [True, True, False]
    assert hidden_cells([3, 0], 10).tolist() == [True, True]
