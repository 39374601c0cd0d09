"""``release_errors``: noisy numbers of rows and errors per declared bin, released once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rai_scale.engines.choose import engine_of
from rai_scale.error_analysis.heatmap_result import Heatmap
from rai_scale.error_analysis.private.declared_bins import DeclaredBins, RowBins
from rai_scale.error_analysis.private.noisy_counts import NoisyCounts
from rai_scale.error_analysis.private.noisy_heatmap import heatmap_of
from rai_scale.error_analysis.private.noisy_tree import NoisyTree, tree_of
from rai_scale.errors import ConfigError, check_columns
from rai_scale.names import Names, names_of
from rai_scale.privacy.declared_bins import release_bins
from rai_scale.privacy.options import Privacy


@dataclass(frozen=True, repr=False)
class NoisyErrors(NoisyCounts):
    """Noisy numbers of rows and errors per declared bin; made by :func:`release_errors`.

    Everything that is computed from it costs nothing more.

    Attributes
    ----------
    declared : DeclaredBins
    labels : tuple of (str, str)
        Columns of labels and predictions.
    counts : ndarray of int64
        As released: one axis per feature, and a last one for right and wrong rows.
    noise : Noise
        Of each count.
    facts : dict
        The budget that was spent, and the id of its charge.
    """

    def tree(
        self,
        *,
        features: Names | None = None,
        max_depth: int = 3,
        num_leaves: int = 31,
        min_child_samples: int = 20,
        confidence: float = 0.95,
    ) -> NoisyTree:
        """Return the tree of errors; reads no data.

        Parameters
        ----------
        features : str or sequence of str, optional
            By default all declared features.
        max_depth, num_leaves, min_child_samples : int
            As in :func:`error_tree`. A split that leaves a node with mostly noise is not made.
        confidence : float
            Of the intervals, which include noise and the sampling of people.
        """
        names = self._chosen(features)
        counts, behind = self.sums(names)
        return tree_of(
            self,
            names,
            counts,
            behind,
            limits=(max_depth, num_leaves, min_child_samples),
            confidence=confidence,
        )

    def heatmap(self, features: Names, *, confidence: float = 0.95) -> Heatmap:
        """Return errors by one or two declared features; reads no data.

        Parameters
        ----------
        features : str or sequence of str
        confidence : float
            Of the intervals. A rate that is mostly noise is NaN.
        """
        names = self._chosen(features)
        counts, behind = self.sums(names)
        return heatmap_of(self, names, counts, behind, confidence)

    def _chosen(self, features: Names | None) -> list[str]:
        names = self.declared.features if features is None else names_of(features)
        check_columns(names, self.declared.features)
        return list(dict.fromkeys(names))


def release_errors(
    frame: Any, *, y_true: str, y_pred: str, privacy: Privacy, declared: DeclaredBins
) -> NoisyErrors:
    """Release noisy numbers of rows and errors of all declared bins under a privacy budget.

    Noise is added once to the counts of every combination of declared bins, right and wrong rows
    apart; trees and heatmaps are computed from that release. Neighbouring tables differ in all rows
    of one privacy unit. Without ``delta`` or ``rho`` the noise is discrete Laplace.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
    y_true, y_pred : str
        Labels and predictions; rows where one is missing are not counted.
    privacy : Privacy
        The budget, and where it is charged. ``privacy_unit`` is needed.
    declared : DeclaredBins
        The bins of the features, and how many rows of a unit are counted.

    Returns
    -------
    NoisyErrors

    Raises
    ------
    MissingColumnError
        If a column does not exist.
    ConfigError
        If a column has two roles, or there are more than 1,000,000 counts; nothing is charged.
    BudgetExceededError
        If the release exceeds the budget; raised before any data are read.
    PrivateComputationError
        If the engine fails on the data; the message is always the same.
    """
    engine, features = engine_of(frame), declared.features
    named = [*features, y_true, y_pred, privacy.unit]
    check_columns(named, engine.columns(frame))
    if len(set(named)) != len(named):
        raise ConfigError(
            "each column has one role: a feature, the label, the prediction or the privacy unit."
        )
    function = RowBins(declared, y_true, y_pred)
    counts, noise, facts = release_bins(engine, frame, function, privacy)
    return NoisyErrors(declared, (y_true, y_pred), counts, noise, facts)


def released_for(  # noqa: PLR0917 - the arguments of a function with a private mode
    frame: Any,
    y_true: str,
    y_pred: str,
    privacy: Privacy | None,
    declared: DeclaredBins | None,
    odd: Mapping[str, bool],
) -> NoisyErrors:
    """Return the release of a function that was asked for its private mode.

    Raises
    ------
    ConfigError
        If one of the two options is missing, or an option in ``odd`` was given.
    """
    if privacy is None or declared is None:
        raise ConfigError("privacy and declared (the bins of the features) need each other.")
    given = [name for name, there in odd.items() if there]
    if given:
        raise ConfigError(f"{', '.join(given)} cannot be used with privacy; leave it out.")
    return release_errors(frame, y_true=y_true, y_pred=y_pred, privacy=privacy, declared=declared)
