"""What the synthetic rows keep and give away, by functions of other capabilities; all internal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.choose import engine_of
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.frames import arrow_to_frame
from rai_scale.errors import ConfigError, check_columns
from rai_scale.fairness import metric_frame
from rai_scale.jobs.synthesize.config import AttackOptions, GapOptions, SynthesizeJob
from rai_scale.models.background import sample_rows
from rai_scale.risk import (
    density_membership,
    inference,
    linkability,
    linkage_attack,
    singling_out,
)

if TYPE_CHECKING:
    from rai_scale.results import Result
    from rai_scale.synthetic.attacks import Attack
    from rai_scale.synthetic.synthesizer import Synthesizer


def comparisons(
    config: SynthesizeJob, frame: Any, control: Any, made: Synthesizer
) -> dict[str, Result]:
    """Return the results that are asked for: ``models``, ``gaps`` and ``attacks``.

    Parameters
    ----------
    config : SynthesizeJob
    frame : frame of the engine
        The real rows.
    control : frame of the engine, optional
        Rows of other people.
    made : Synthesizer
    """
    from rai_scale.synthetic.attacks import attack_report
    from rai_scale.synthetic.compare_measures import measure_report
    from rai_scale.synthetic.train_models import train_report

    found: dict[str, Result] = {}
    unit = str(config.private.privacy_unit)
    options: dict[str, Any] = {"privacy_unit": unit, "random_state": config.random_state}
    if config.y_true is not None:
        found["models"] = train_report(frame, made, y_true=config.y_true, **options)
    if config.gaps is not None:
        found["gaps"] = measure_report(frame, made, gaps_of(config.gaps), **options)
    if (asked := config.attacks) is not None:
        people = _people(frame, made, asked.max_rows, config.random_state)
        others = None
        if control is not None:
            others = _people(control, made, asked.max_rows, config.random_state)
        found["attacks"] = attack_report(
            made,
            attacks_of(asked, people, others),
            rows=min(asked.max_rows, max(1, round(made.total))),
            draws=asked.draws,
            real=arrow_to_frame(people),
            random_state=config.random_state,
        )
    return found


def gaps_of(options: GapOptions) -> Callable[[Any], Mapping[str, float]]:
    """Return a function of rows: the differences between groups of each metric.

    Rows with a null in one of the columns are left out.
    """
    asked = options.model_dump() | {"metrics": list(options.metrics)}
    asked["sensitive_features"] = list(options.sensitive_features)

    def gaps(rows: Any) -> dict[str, float]:
        engine = engine_of(rows)
        named = (options.y_true, options.y_pred, *options.sensitive_features)
        column = Dialect(engine.dialect).column
        there = engine.where(rows, " AND ".join(f"{column(name)} IS NOT NULL" for name in named))
        found = metric_frame(there, **asked).difference()
        return {f"{name}_difference": float(value) for name, value in found.items()}

    return gaps


def attacks_of(
    options: AttackOptions, people: pa.Table, control: pa.Table | None
) -> dict[str, Attack]:
    """Return the attacks on people as functions of a synthetic table.

    Each returns a rate of success: of people with an equal row (``linkage``), or Anonymeter's risk,
    which with ``control`` is beyond that of people who are not in the table. The attack on
    densities returns an area, 0.5 by chance, and needs ``control``.
    """
    known = list(options.known)
    asked: dict[str, Any] = {"attacks": options.attacks}
    others = None if control is None else _halves(control)
    if others is not None:
        asked["control"] = others[0]

    def linkage(rows: pd.DataFrame) -> float:
        conditions = [("equal", name) for name in known]
        found = linkage_attack(rows, people, on=conditions, baseline=1)
        return found.with_candidate / people.num_rows

    def isolated(rows: pd.DataFrame) -> float:
        columns = [*known, options.secret]
        return singling_out(people, rows, columns=columns, **asked).risk[0]

    def linked(rows: pd.DataFrame) -> float:
        middle = (len(known) + 1) // 2
        parts = (known[:middle], known[middle:] or [options.secret])
        return linkability(people, rows, known=parts, **asked).risk[0]

    def guessed(rows: pd.DataFrame) -> float:
        return inference(people, rows, known=known, secret=options.secret, **asked).risk[0]

    found: dict[str, Attack] = {
        "linkage": linkage,
        "singling_out": isolated,
        "linkability": linked,
        "inference": guessed,
    }
    if others is not None:
        non_members, reference = others

        def density(rows: pd.DataFrame) -> float:
            columns = [*known, options.secret]
            tables = {"reference": reference, "columns": columns}
            return density_membership(people, non_members, rows, **tables).auc

        found["density_membership"] = density
    return found


def _halves(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return two halves of a sample, each of which is a sample."""
    if table.num_rows < 2:  # noqa: PLR2004
        raise ConfigError("control_source needs at least two rows that fit the domain.")
    half = table.num_rows // 2
    return table.slice(0, half), table.slice(half)


def _people(frame: Any, made: Synthesizer, rows: int, random_state: int) -> pa.Table:
    """Return a sample of real rows; dates and times have the types of synthetic ones."""
    names = list(made.domain.names)
    check_columns(names, engine_of(frame).columns(frame))
    found = sample_rows(engine_of(frame), frame, names, rows, random_state)
    for at, field in enumerate(made.domain.schema()):
        if pa.types.is_temporal(field.type):
            column = pc.cast(found[field.name], field.type, safe=False)
            found = found.set_column(at, field, column)
    return found
