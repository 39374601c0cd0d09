"""Redaction as a pandas UDF, for ``withColumn`` and for SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from rai_scale.engines.frames import column_to_arrow
from rai_scale.engines.partition import BatchFunction
from rai_scale.errors import ConfigError, does_raise
from rai_scale.pii.analysis.config import analyzer_config
from rai_scale.pii.redaction.frames import check_on_driver
from rai_scale.pii.redaction.operators import Operators
from rai_scale.pii.redaction.policy import policy_specs
from rai_scale.pii.redaction.redact_values import RedactValues
from rai_scale.pii.redaction.rules import make_policy

if TYPE_CHECKING:
    from rai_scale.pii.analysis.config import AnalyzerConfig


def redact_udf(
    operators: Mapping[str, Any] | None = None,
    *,
    column: str | None = None,
    on_error: str = "raise",
    analyzer: AnalyzerConfig | None = None,
    **analyzer_options: Any,
) -> Any:
    """Return a pandas UDF (string to string) that redacts each text as Presidio does.

    Classic Spark and Connect: ``df.withColumn("note", redact_udf(model="...")("note"))``, or
    ``spark.udf.register("redact", redact_udf(model="..."))`` for SQL. The result is that of
    :func:`rai_scale.redact`, which can also return findings and the status of each row.

    Parameters
    ----------
    operators : mapping of str to mapping or OperatorConfig
        Presidio's operators per entity; an item becomes ``<ENTITY>`` by default.
    column : str, optional
        Name of the column for error messages and, with ``column_context=True``, as context word.
        A UDF cannot find out which column it is applied to.
    on_error : {"raise", "null"}
        What to do if a text cannot be redacted, for example because it has more than 1,000,000
        characters: raise an error, or return null.
    analyzer : AnalyzerConfig, optional
        Language, spaCy model, entities, thresholds, deny lists and patterns.
    **analyzer_options
        The fields of :class:`AnalyzerConfig` instead of ``analyzer``.

    Returns
    -------
    pandas UDF

    Raises
    ------
    ConfigError, MissingExtraError
        When the UDF is created.
    WorkerError
        When the query runs and a text fails, as the cause of Spark's own error; the message
        contains no value. Also if the input is not text: cast it to string first.
    """
    from pyspark.sql.functions import pandas_udf

    config = analyzer_config(analyzer, analyzer_options, redact_udf)
    if config.column_context and column is None:
        raise ConfigError("column_context needs the name of the column: redact_udf(column=...).")
    if config.language_column:
        raise ConfigError("language_column: a UDF reads one column only; use rai_scale.redact.")
    name = column or "text"
    schema = pa.schema([(name, pa.string())])
    given = Operators(operators)
    if given.per:
        raise ConfigError("per: a UDF reads one column only; use rai_scale.redact instead.")
    policy = make_policy(policy_specs(columns=name), given, schema)
    job = RedactValues(config, given, policy, raises=does_raise(on_error))
    check_on_driver("spark", job)
    batch = BatchFunction(job, (name,), schema, False, "redact_udf")
    udf: Any = pandas_udf(_on_series(batch), "string")  # type: ignore[call-overload]
    # Spark may evaluate a deterministic function twice, and would then mix two random draws
    return udf.asNondeterministic() if job.operators.draws() else udf


def _on_series(batch: BatchFunction) -> Callable[[Iterator[pd.Series]], Iterator[pd.Series]]:
    def redact(texts: Iterator[pd.Series]) -> Iterator[pd.Series]:
        partition = _partition()
        for series in texts:
            table = batch.guard(partial(_text_table, series, batch.inputs[0]), partition)
            done = [result.column(0) for result in batch.run(table, partition)]
            yield pd.Series([v for part in done for v in part.to_pylist()], dtype=object)

    return redact


def _text_table(series: pd.Series, name: str) -> pa.Table:
    array = column_to_arrow(series)
    if pa.types.is_null(array.type):
        array = array.cast(pa.string())
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise ConfigError(f"redact_udf reads text; found {array.type}. Cast the column to string.")
    return pa.table({name: array})


def _partition() -> str:
    from pyspark import TaskContext

    context = TaskContext.get()
    return "?" if context is None else str(context.partitionId())
