"""Fairlearn's moments over counted rows: a table of cells instead of a dense matrix on rows.

What a reduction does to a row (its new label and weight) depends only on the row's cell (control
features, sensitive features, label). Fairlearn 0.15 nevertheless stores a matrix ``U`` with one row
per row of data (96 bytes per row for equalized odds with two groups). The classes here load
Fairlearn's own moment on one row per cell, so that events, groups, constraints, basis, bounds and
projection are Fairlearn's, and keep one 4-byte cell number per row of data.

Fairlearn's classes cannot take counts: they take the probability of a group from
``groupby(...).size()`` and divide by ``X.shape[0]``. So three things are computed here: these
probabilities with ``U`` (its formula is in ``UtilityParity.load_data``; Agarwal et al. 2018, "A
Reductions Approach to Fair Classification", above Theorem 1), ``gamma``, and ``signed_weights``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from fairlearn.reductions import ClassificationMoment, ErrorRate, LossMoment, Moment, UtilityParity

from rai_scale.errors import ConfigError
from rai_scale.upstream.fairlearn import (
    MOMENT_ALL,
    MOMENT_EVENT,
    MOMENT_GROUP_ID,
    MOMENT_LABEL,
    ConditionalLossMoment,
    MeanLoss,
)

NO_CONTROL = "fairlearn's loss moments do not support control features: remove them."


def counted(moment: Moment) -> Moment:
    """Return a moment equal to ``moment`` whose ``load_data`` takes ``counts`` as well.

    Parameters
    ----------
    moment : fairlearn.reductions.Moment
        Without data yet: a ``UtilityParity`` (demographic parity, equalized odds, true or false
        positive rate parity, error rate parity), a ``BoundedGroupLoss`` or an ``ErrorRate``.

    Returns
    -------
    fairlearn.reductions.Moment
        Its ``load_data(X, y, sensitive_features=..., control_features=..., counts=...)`` takes
        distinct rows, each of which represents ``counts`` rows (int, default 1). Its
        ``signed_weights`` are Fairlearn's times ``counts``: those of all equal rows together.

    Raises
    ------
    ConfigError
        If the moment is of another kind, or already has data.
    """
    if getattr(moment, "data_loaded", False):
        raise ConfigError("the constraints already have data: pass a new moment.")
    if isinstance(moment, UtilityParity):
        return CountedParity(moment)
    if isinstance(moment, ConditionalLossMoment):
        return CountedLoss(moment)
    if isinstance(moment, ErrorRate):
        return CountedErrorRate(moment)
    raise ConfigError(
        f"no counted form of {type(moment).__name__}. Use one of fairlearn's UtilityParity, "
        "BoundedGroupLoss or ErrorRate moments."
    )


class _CountedRows:
    """Rows as their cell numbers and counts."""

    def __init__(self, y: Any, features: list[pd.DataFrame | None], counts: Any) -> None:
        self.y = pd.Series(np.asarray(y).reshape(-1))
        self.counts = None if counts is None else np.asarray(counts, dtype=np.int64)
        parts = [f for f in features if f is not None]
        keys = (
            pd.concat(parts, axis=1) if parts else pd.DataFrame({MOMENT_ALL: np.zeros(len(self.y))})
        )
        keys.columns = pd.RangeIndex(keys.shape[1])
        grouped = keys.groupby(list(keys.columns), sort=False, dropna=False, observed=True)
        self.codes = grouped.ngroup().to_numpy(dtype=np.int32)
        # cells are in the order of their first rows: fairlearn's basis depends on this order
        self.first = np.unique(self.codes, return_index=True)[1]
        self.cell_counts = np.bincount(self.codes, self.counts).astype(np.int64)
        self.total = int(self.cell_counts.sum())

    def per_cell(self, values: np.ndarray) -> np.ndarray:
        """Sum values of rows over the rows of each cell."""
        return np.bincount(self.codes, self.times(values), minlength=len(self.first))

    def per_row(self, values: np.ndarray) -> pd.Series:
        """Return each row's value of its cell, times the row's count."""
        return pd.Series(self.times(np.asarray(values)[self.codes]))

    def times(self, values: Any) -> Any:
        """Multiply values of rows by the rows' counts."""
        return values if self.counts is None else values * self.counts


class CountedParity(ClassificationMoment):
    """A ``UtilityParity`` moment over counted rows; made by :func:`counted`."""

    default_objective_lambda_vec = None

    def __init__(self, moment: UtilityParity) -> None:
        super().__init__()
        self.moment = moment

    def load_data(
        self, X: Any, y: Any, *, sensitive_features: Any, counts: Any = None, **people: Any
    ) -> None:
        """Number the cells of the rows and load Fairlearn's moment on the cells.

        ``people`` may hold ``control_features``.
        """
        _once(self)
        sensitive, control = _frame(sensitive_features), _frame(people.get("control_features"))
        label = pd.DataFrame({MOMENT_LABEL: np.asarray(y).reshape(-1)})
        self.rows = _CountedRows(y, [control, sensitive, label], counts)
        self.X, self._y = X, self.rows.y
        self.cells = copy.deepcopy(self.moment)
        first = self.rows.first
        given = {} if control is None else {"control_features": control.iloc[first]}
        self.cells.load_data(
            np.zeros((len(first), 1)),
            label[MOMENT_LABEL].iloc[first],
            sensitive_features=sensitive.iloc[first],
            **given,
        )
        _recount(self.cells, self.rows.cell_counts)
        self.pos_basis, self.neg_basis = self.cells.pos_basis, self.cells.neg_basis
        self.neg_basis_present = self.cells.neg_basis_present

    @property
    def total_samples(self) -> int:
        """The number of rows, with counts."""
        return self.rows.total

    @property
    def index(self) -> pd.MultiIndex:
        """The constraints: (sign, event, group)."""
        return self.cells.index

    def default_objective(self) -> CountedErrorRate:
        """Return the counted error rate."""
        return CountedErrorRate(self.cells.default_objective())

    def bound(self) -> pd.Series:
        """Return Fairlearn's bound of each constraint."""
        return self.cells.bound()

    def project_lambda(self, lambda_vec: pd.Series) -> pd.Series:
        """Return Fairlearn's projection."""
        return self.cells.project_lambda(lambda_vec)

    def gamma(self, predictor: Callable[..., Any]) -> pd.Series:
        """Return how far the predictor violates each constraint."""
        ones = self.rows.per_cell(_flat(predictor(self.X)))
        utility = self.cells.utility_diff * ones
        utility = utility + self.cells.utilities[:, 0] * self.rows.cell_counts
        return -self.cells.U.T.dot(utility) / self.total_samples

    def cell_weights(self, lambda_vec: pd.Series) -> pd.Series:
        """Return the signed weight of one row of each cell."""
        return self.cells.signed_weights(lambda_vec)

    def signed_weights(self, lambda_vec: pd.Series) -> pd.Series:
        """Return the signed weights of the rows, times their counts."""
        return self.rows.per_row(self.cell_weights(lambda_vec).to_numpy())


class CountedErrorRate(ErrorRate):
    """The error rate (with costs) of counted rows; made by :func:`counted`."""

    def __init__(self, moment: ErrorRate) -> None:
        super().__init__(costs={"fp": moment.fp_cost, "fn": moment.fn_cost})

    def load_data(self, X: Any, y: Any, *, counts: Any = None, **people: Any) -> None:
        """Store labels and counts; sensitive and control features are not used here."""
        _once(self)
        self.rows = _CountedRows(y, [], counts)
        self.X, self._y, self._index = X, self.rows.y, [MOMENT_ALL]
        self.tags = pd.DataFrame({MOMENT_LABEL: self.rows.y})

    @property
    def total_samples(self) -> int:
        """The number of rows, with counts."""
        return self.rows.total

    def gamma(self, predictor: Callable[..., Any]) -> pd.Series:
        """Return the mean cost of the predictor's errors."""
        errors = (self.rows.y - _flat(predictor(self.X))).to_numpy(dtype=np.float64)
        costs = np.where(errors > 0, errors * self.fn_cost, -errors * self.fp_cost)
        return pd.Series(np.sum(self.rows.times(costs)) / self.total_samples, index=self.index)

    def signed_weights(self, lambda_vec: pd.Series | None = None) -> pd.Series:
        """Return Fairlearn's signed weights, times the counts."""
        return self.rows.times(super().signed_weights(lambda_vec))


class CountedLoss(LossMoment):
    """A ``BoundedGroupLoss`` or ``MeanLoss`` over counted rows; made by :func:`counted`."""

    def __init__(self, moment: ConditionalLossMoment) -> None:
        super().__init__(moment.reduction_loss)
        self.moment = moment

    def load_data(
        self, X: Any, y: Any, *, sensitive_features: Any, counts: Any = None, **people: Any
    ) -> None:
        """Number the groups of the rows and load Fairlearn's moment on the groups."""
        _once(self)
        if people.get("control_features") is not None:
            raise ConfigError(NO_CONTROL)
        sensitive = _frame(sensitive_features)
        self.rows = _CountedRows(y, [None if self.moment.no_groups else sensitive], counts)
        self.X, self._y = X, self.rows.y
        self.groups = copy.deepcopy(self.moment)
        first = self.rows.first
        self.groups.load_data(
            np.zeros((len(first), 1)),
            np.zeros(len(first)),
            sensitive_features=sensitive.iloc[first],
        )
        self.names = self.groups.tags[MOMENT_GROUP_ID].to_numpy()
        shares = pd.Series(self.rows.cell_counts, self.names) / self.rows.total
        self.groups.prob_attr = shares.reindex(self.groups.index)
        self.default_objective_lambda_vec = self.groups.prob_attr
        self.pos_basis, self.neg_basis = self.groups.pos_basis, self.groups.neg_basis
        self.neg_basis_present = self.groups.neg_basis_present

    @property
    def total_samples(self) -> int:
        """The number of rows, with counts."""
        return self.rows.total

    @property
    def index(self) -> pd.Index:
        """The constraints: one per group."""
        return self.groups.index

    def default_objective(self) -> CountedLoss:
        """Return the counted mean loss."""
        return CountedLoss(MeanLoss(self.reduction_loss))

    def bound(self) -> pd.Series:
        """Return Fairlearn's bound of each group's loss."""
        return self.groups.bound()

    def project_lambda(self, lambda_vec: pd.Series) -> pd.Series:
        """Return the same values."""
        return self.groups.project_lambda(lambda_vec)

    def gamma(self, predictor: Callable[..., Any]) -> pd.Series:
        """Return the mean loss of each group."""
        loss = self.reduction_loss.eval(self.rows.y, _flat(predictor(self.X)))
        means = self.rows.per_cell(np.asarray(loss, dtype=np.float64)) / self.rows.cell_counts
        return pd.Series(means, self.names).reindex(self.index)

    def signed_weights(self, lambda_vec: pd.Series | None = None) -> pd.Series:
        """Return the weights of the rows, times their counts."""
        return self.rows.per_row(self.groups.signed_weights(lambda_vec).to_numpy())


def _recount(moment: UtilityParity, counts: np.ndarray) -> None:
    """Let each row of a loaded moment represent ``counts`` rows."""
    sizes = pd.Series(counts, moment.tags.index)
    event, group, total = moment.tags[MOMENT_EVENT], moment.tags[MOMENT_GROUP_ID], counts.sum()
    moment.prob_event = sizes.groupby(event).sum() / total
    moment.prob_group_event = sizes.groupby([event, group]).sum() / total
    for e, g in moment.prob_group_event.index:
        of_event = 1 * (event == e) / moment.prob_event[e]
        of_group = 1 * ((event == e) & (group == g))
        share = moment.prob_group_event[e, g]
        moment.U["+", e, g] = of_event + (-moment.ratio) * of_group / share
        moment.U["-", e, g] = (-moment.ratio) * of_event + of_group / share


def _once(moment: Moment) -> None:
    if moment.data_loaded:
        raise ConfigError("data can be loaded only once: make a new moment.")
    moment.data_loaded = True


def _frame(values: Any) -> Any:
    return None if values is None else pd.DataFrame(values).reset_index(drop=True)


def _flat(predictions: Any) -> np.ndarray:
    # some libraries return predictions of shape (n, 1)
    return np.asarray(predictions, dtype=np.float64).reshape(-1)
