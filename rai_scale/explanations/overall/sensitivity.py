"""Morris and Sobol sensitivity: SALib's designs, evaluated as parallel tasks.

Morris 1991 and Campolongo et al. 2007 for elementary effects, Saltelli et al. 2010 for Sobol's
indices; SALib draws the design and analyses the outputs. The bounds are the lowest and highest
values in the frame, as in interpret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, MissingExtraError
from rai_scale.explanations.local.lime_codes import is_number
from rai_scale.explanations.overall.sensitivity_result import Morris, Sobol
from rai_scale.models.background import Background
from rai_scale.models.ready_model import ReadyModel, SharedOutput, ready_model
from rai_scale.statistics.quantiles import column_ranges

if TYPE_CHECKING:
    from types import ModuleType

Kind = TypeVar("Kind", Morris, Sobol)
TASK_ROWS = 8192
"""Rows of the design per task; fixed, so that results do not depend on the workers."""


def morris(
    frame: Any,
    model: Any,
    *,
    features: str | Sequence[str],
    trajectories: int = 1000,
    levels: int = 4,
    resamples: int = 100,
    confidence: float = 0.95,
    background: Background | Any = None,
    explain_class: Any = None,
    random_state: int = 0,
) -> Morris:
    """Screen features by elementary effects; executes.

    Parameters
    ----------
    frame, model, features, background, explain_class
        As in :func:`rai_scale.explanations.partial_dependence`; features must be numeric. Only the
        lowest and the highest value of each feature are used.
    trajectories : int
        Number of trajectories, SALib's ``N``; the design has ``N * (features + 1)`` rows.
    levels : int
        Number of grid levels, SALib's ``num_levels``; an even number.
    resamples : int
        Number of bootstrap resamples for the interval of ``mu_star``.
    confidence : float
        Confidence of that interval, between 0 and 1.
    random_state : int
        Seed of the design and of the bootstrap.

    Returns
    -------
    Morris
        Equal to SALib, and to ``interpret.blackbox.MorrisSensitivity``, for the same seed.

    Raises
    ------
    ConfigError
        If a feature is not numeric, or an argument is invalid.
    """
    salib = _salib()
    if trajectories < 2 or levels < 2 or levels % 2:  # noqa: PLR2004
        raise ConfigError("trajectories must be at least 2, and levels an even number.")
    ready = ready_model(frame, model, features, background, explain_class, random_state)
    problem = make_problem(ready, frame)
    design = salib.sample.morris.sample(
        dict(problem), N=trajectories, num_levels=levels, seed=random_state
    )
    outputs = evaluate(ready, design)
    found = [
        salib.analyze.morris.analyze(
            dict(problem), design, values, num_resamples=resamples, conf_level=confidence,
            num_levels=levels, seed=random_state,
        )
        for values in outputs.T
    ]  # fmt: skip
    names = ("mu", "mu_star", "sigma", "mu_star_conf")
    tables = [{name: _floats(one[name]) for name in names} for one in found]
    return _result(Morris, ready, problem, len(design), confidence, tables)


def sobol(
    frame: Any,
    model: Any,
    *,
    features: str | Sequence[str],
    base_samples: int = 1024,
    second_order: bool = True,
    resamples: int = 100,
    confidence: float = 0.95,
    background: Background | Any = None,
    explain_class: Any = None,
    random_state: int = 0,
) -> Sobol:
    """Attribute the variance of the output to features that vary over their ranges; executes.

    Parameters
    ----------
    frame, model, features, background, explain_class, resamples, confidence, random_state
        As in :func:`morris`.
    base_samples : int
        A power of two. The design has ``base_samples * (2 * features + 2)`` rows, or ``base_samples
        * (features + 2)`` without the second order.
    second_order : bool
        Whether indices of pairs of features are computed.

    Returns
    -------
    Sobol
        Equal to SALib for the same seed. Indices are NaN where the output is constant.

    Raises
    ------
    ConfigError
        If a feature is not numeric, or an argument is invalid.
    """
    salib = _salib()
    if base_samples < 2 or base_samples & (base_samples - 1):  # noqa: PLR2004
        raise ConfigError(f"base_samples must be a power of two; found {base_samples}.")
    ready = ready_model(frame, model, features, background, explain_class, random_state)
    problem = make_problem(ready, frame)
    design = salib.sample.sobol.sample(
        dict(problem), base_samples, calc_second_order=second_order, seed=random_state
    )
    names = ["S1", "S1_conf", "ST", "ST_conf"] + (["S2", "S2_conf"] if second_order else [])
    tables = []
    for values in evaluate(ready, design).T:
        if np.ptp(values) == 0:
            tables.append(_undefined(names, len(ready.features)))
            continue
        # SALib ignores the seed 0; it turns other seeds into a generator such as this one
        one = salib.analyze.sobol.analyze(
            dict(problem), values, calc_second_order=second_order, num_resamples=resamples,
            conf_level=confidence, seed=np.random.default_rng(random_state),
        )  # fmt: skip
        tables.append({name: _floats(one[name]) for name in names})
    return _result(Sobol, ready, problem, len(design), confidence, tables)


def make_problem(ready: ReadyModel, frame: Any) -> dict[str, Any]:
    """Return SALib's problem definition, with the same bounds as interpret.

    The bounds are the lowest and the highest value; if they differ by less than 1, the upper bound
    is increased by 1.
    """
    names = list(ready.features)
    text = [name for name in names if not is_number(ready.background[name])]
    if text:
        raise ConfigError(
            f"features {', '.join(map(repr, text))} are not numeric, so they have no range. "
            "Encode them first, or explain the model that reads the encoded columns."
        )
    ranges = column_ranges(ready.engine, frame, names)
    low, high = (ranges[end].to_numpy(np.float64) for end in ("low", "high"))
    high = high + np.where(np.abs(high - low) < 1, 1, 0)
    bounds = np.column_stack([low, high]).tolist()
    return {"num_vars": len(names), "names": names, "bounds": bounds}


def _result(  # noqa: PLR0917
    kind: type[Kind],
    ready: ReadyModel,
    problem: dict[str, Any],
    evaluations: int,
    confidence: float,
    tables: Sequence[dict[str, np.ndarray]],
) -> Kind:
    bounds = tuple((float(low), float(high)) for low, high in problem["bounds"])
    return kind(ready.features, ready.labels, bounds, evaluations, confidence, tuple(tables))


def evaluate(ready: ReadyModel, design: np.ndarray) -> np.ndarray:
    """Return the outputs of a design, (rows, outputs), computed by parallel tasks."""
    run = EvaluateRows(ready.share_output())
    parts = [design[i : i + TASK_ROWS] for i in range(0, len(design), TASK_ROWS)]
    return np.concatenate(ready.engine.map_tasks(run, parts, [run.output.model.file]))


@dataclass(frozen=True)
class EvaluateRows:
    """A task: computes the outputs of some rows of a design."""

    output: SharedOutput

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return the outputs, shape (rows, outputs)."""
        output = self.output.load()
        return output.in_blocks(pd.DataFrame(rows, columns=list(output.model.features)))


def _floats(values: Any) -> np.ndarray:
    return np.asarray(np.ma.getdata(values), dtype=np.float64)


def _undefined(names: Sequence[str], features: int) -> dict[str, np.ndarray]:
    square = (features, features)
    return {n: np.full(square if n.startswith("S2") else features, np.nan) for n in names}


def _salib() -> ModuleType:
    try:
        import SALib
        import SALib.analyze.morris
        import SALib.analyze.sobol
        import SALib.sample.morris
        import SALib.sample.sobol
    except ImportError:
        raise MissingExtraError("SALib", "explain") from None
    found: ModuleType = SALib
    return found
