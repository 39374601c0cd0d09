"""Models trained on synthetic rows and tested on real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.models.background import sample_rows
from rai_scale.names import Names, names_of
from rai_scale.results import Result, Tables
from rai_scale.synthetic.counting import check_frame
from rai_scale.synthetic.domain import Domain
from rai_scale.synthetic.drawing import DrawRows
from rai_scale.synthetic.fitting import columns_alone
from rai_scale.synthetic.measure_utility import INTERNAL
from rai_scale.synthetic.packing import coded
from rai_scale.synthetic.synthesizer import Synthesizer
from rai_scale.synthetic.unit_hashes import unit_hashes

Fit = Callable[[pd.DataFrame, pd.Series], Any]
_UNIT = "rai_unit"


@dataclass(frozen=True, repr=False)
class TrainReport(Result):
    """How well models predict real rows, by the rows that they were trained on.

    Attributes
    ----------
    scores : pandas.DataFrame
        One row per kind of training rows (``trained_on``: ``real``, ``synthetic`` or
        ``independent``): ``rows``, and on the real test rows ``accuracy`` and ``auc`` (NaN unless
        there are two classes).
    tested : int
        The number of test rows.
    """

    scores: pd.DataFrame
    tested: int

    def totals(self) -> Mapping[str, Any]:
        """The number of test rows."""
        return {"tested": self.tested}

    def _numbers(self) -> Mapping[str, float]:
        return {
            f"{name}.{row['trained_on']}": float(row[name])
            for row in self.scores.to_dict("records")
            for name in ("accuracy", "auc")
        }

    def _tables(self) -> Tables:
        return {"scores": lambda: self.scores}

    def _remarks(self) -> Sequence[str]:
        return [INTERNAL]


def train_report(
    frame: Any,
    made: Synthesizer,
    *,
    y_true: str,
    privacy_unit: str,
    features: Names | None = None,
    fit: Fit | None = None,
    max_rows: int = 20_000,
    random_state: int = 0,
) -> TrainReport:
    """Train a classifier on real, synthetic and independent rows, and test it on real rows.

    Half of the people train the model of real rows, the other half are the test rows. Values are
    the numbers of their declared values or bins.

    Parameters
    ----------
    frame : DataFrame of pandas, Dask or Spark, DuckDB relation, pyarrow.Table
        The table that the model was made from, or other rows of the same kind.
    made : Synthesizer
    y_true : str
        The column that is predicted. Rows without it are left out.
    privacy_unit : str
        The column that identifies a person.
    features : str or sequence of str, optional
        By default all other columns.
    fit : callable, optional
        Takes a frame of features and a Series of labels, both integers, and returns a model with
        ``predict`` and ``predict_proba``. By default scikit-learn's
        ``HistGradientBoostingClassifier``.
    max_rows : int
        The most real rows to train on, and to test on; from a larger table they are sampled.
    random_state : int

    Returns
    -------
    TrainReport

    Raises
    ------
    ConfigError
        If a column is not in the domain of the model, or there are too few real rows.
    """
    domain, engine = made.domain, engine_of(frame)
    names = names_of(features) or [name for name in domain.names if name != y_true]
    domain.places([*names, y_true])
    checked = check_frame(engine, frame, domain, privacy_unit)
    kind = engine.schema(checked).field(privacy_unit).type
    codes = [f"c{i}" for i in range(len(domain.names))]
    outputs = pa.schema([(_UNIT, kind), *((c, pa.int32()) for c in codes)])
    function = CodeRows(domain, privacy_unit, outputs)
    inputs = [privacy_unit, *domain.names]
    rows = engine.map_partitions(checked, function, outputs, inputs=inputs, label="coded rows")
    drawn = sample_rows(engine, rows, [_UNIT, *codes], 2 * max_rows, random_state)
    half = (unit_hashes(drawn.select([_UNIT]), random_state) >> np.uint64(63)).astype(bool)
    real = drawn.select(codes).rename_columns(list(domain.names)).to_pandas()
    training, tested = _complete(real[half], made, y_true), _complete(real[~half], made, y_true)
    if not len(training) or not len(tested):
        raise ConfigError("the table has too few rows that fit the domain to train and test on.")
    tables = {"real": training}
    trees = {"synthetic": made.tree, "independent": columns_alone(made.measured, made.total)}
    numbers = np.arange(len(training), dtype=np.uint64)
    for name, tree in trees.items():
        found = DrawRows(tree, domain, random_state).codes(numbers)
        rows = pd.DataFrame({n: found[i] for i, n in enumerate(domain.names)})
        tables[name] = _complete(rows, made, y_true)
    scores = [
        {"trained_on": name, "rows": len(rows), **_scores(rows, tested, names, y_true, fit)}
        for name, rows in tables.items()
    ]
    return TrainReport(pd.DataFrame(scores), len(tested))


@dataclass(frozen=True)
class CodeRows:
    """Table function: the unit and the codes of each row that has a unit and only known values."""

    domain: Domain
    unit: str
    outputs: pa.Schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row per row that counts."""
        codes, keep = coded(self.domain, table, self.unit)
        columns = [table[self.unit], *(pa.array(one.astype(np.int32)) for one in codes)]
        return pa.table(columns, schema=self.outputs).filter(pa.array(keep))


def _complete(rows: pd.DataFrame, made: Synthesizer, y_true: str) -> pd.DataFrame:
    """Return the rows with a label; the code of null is the last."""
    declared = dict(made.domain.columns)[y_true]
    return rows[rows[y_true] < declared.size - declared.nullable].reset_index(drop=True)


def _scores(
    training: pd.DataFrame, tested: pd.DataFrame, names: list[str], y_true: str, fit: Fit | None
) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    truth, labels = tested[y_true], training[y_true]
    auc = float("nan")
    if labels.nunique() < 2:  # noqa: PLR2004 - most classifiers need two classes
        constant = labels.iloc[0] if len(labels) else -1
        return {"accuracy": float((truth == constant).mean()), "auc": auc}
    model = (fit or _boosted)(training[names], labels)
    if truth.nunique() == 2 and labels.nunique() == 2:  # noqa: PLR2004
        auc = float(roc_auc_score(truth, model.predict_proba(tested[names])[:, 1]))
    return {"accuracy": float((model.predict(tested[names]) == truth).mean()), "auc": auc}


def _boosted(features: pd.DataFrame, labels: pd.Series) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=0).fit(features, labels)
