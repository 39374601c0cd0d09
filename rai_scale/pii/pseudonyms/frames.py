"""Restore the values behind tokens in columns of a frame, or give the tokens another key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.engines.frames import check_unique
from rai_scale.errors import ConfigError, check_columns, does_raise
from rai_scale.names import names_of
from rai_scale.pii.pseudonyms.person import check_per
from rai_scale.pii.pseudonyms.rewrite_values import RewriteTokens, TokenColumns


def restore(
    frame: Any,
    columns: Sequence[str] | str = (),
    *,
    json_columns: Sequence[str] | str = (),
    keys: Mapping[str, str | bytes],
    domain: str = "",
    per: str | None = None,
    on_error: str = "raise",
) -> Any:
    """Put the values back where tokens of the operator ``tokenize`` stand in a frame.

    Lazy for pyspark and dask DataFrames and DuckDB relations; a pandas DataFrame or pyarrow Table
    is computed at once. Tokens are found anywhere in a text. Texts without a token stay as they
    are.

    Parameters
    ----------
    frame : DataFrame
        pyspark (classic or Connect), dask or pandas DataFrame, DuckDB relation, pyarrow Table.
    columns : sequence of str
        Text columns.
    json_columns : sequence of str
        Columns of JSON text or nested values; the tokens in each text leaf are restored, and the
        document stays valid whatever the values contain.
    keys : mapping of str to str or bytes
        The secrets by key id: ``{"k1": secret}``.
    domain : str
        The domain that the tokens were made for.
    per : str, optional
        The column that the tokens were made for (``per`` of the operator).
    on_error : {"raise", "null"}
        What to do if a value holds a token that cannot be restored: raise an error, or return
        null.

    Returns
    -------
    DataFrame
        The frame with the restored columns in place of the original ones.

    Raises
    ------
    MissingColumnError, ConfigError, MissingExtraError
        Before any row is read.
    WorkerError
        When the frame is executed and a token cannot be restored under ``on_error="raise"``. Its
        ``error`` is ``UnknownKeyError`` (no key of this id was given), ``WrongKeyError`` (the token
        was made with another key of this id), ``DamagedTokenError`` (characters were lost or
        changed), ``MovedTokenError`` (made for another entity, domain or person) or
        ``NoPersonError`` (no value in the column ``per``). No message contains a value or a token.
    """
    return _rewritten(frame, columns, json_columns, per, keys, domain, on_error, None, "restore")


def rotate_keys(
    frame: Any,
    columns: Sequence[str] | str = (),
    *,
    json_columns: Sequence[str] | str = (),
    keys: Mapping[str, str | bytes],
    to: str,
    domain: str = "",
    per: str | None = None,
    on_error: str = "raise",
) -> Any:
    """Replace each token by the token that another key makes of the same value.

    The values exist only in the memory of the workers. Afterwards the columns equal those of a
    redaction with the new key. Tokens that already have the new key are checked and stay.

    Parameters
    ----------
    frame : DataFrame
        As for :func:`restore`.
    columns, json_columns : sequence of str
        As for :func:`restore`.
    keys : mapping of str to str or bytes
        The old secrets and the new one by key id.
    to : str
        The key id of the new tokens.
    domain : str
        The domain that the tokens were made for, and keep.
    per : str, optional
        The column that the tokens were made for, and keep.
    on_error : {"raise", "null"}
        As for :func:`restore`.

    Returns
    -------
    DataFrame
        The frame with new tokens.

    Raises
    ------
    MissingColumnError, ConfigError, MissingExtraError, WorkerError
        As for :func:`restore`.
    """
    return _rewritten(frame, columns, json_columns, per, keys, domain, on_error, to, "rotate_keys")


def _rewritten(  # noqa: PLR0917
    frame: Any,
    columns: Sequence[str] | str,
    json_columns: Sequence[str] | str,
    per: str | None,
    keys: Mapping[str, str | bytes],
    domain: str,
    on_error: str,
    to: str | None,
    label: str,
) -> Any:
    raises = does_raise(on_error)
    if not isinstance(keys, Mapping):
        raise ConfigError("keys must be a mapping of key ids to secrets: {'k1': secret}.")
    engine = engine_of(frame)
    schema = engine.schema(frame)
    where = token_columns(columns, json_columns, per, schema)
    function = RewriteTokens(where, dict(keys), domain, to, raises)
    function.rewriter()  # checks the keys
    outputs = where.outputs(schema)
    return engine.with_columns(frame, function, outputs, inputs=where.inputs, label=label)


def token_columns(
    columns: Sequence[str] | str,
    json_columns: Sequence[str] | str,
    per: str | None,
    schema: pa.Schema,
) -> TokenColumns:
    """Return the columns that may hold tokens, checked against the schema."""
    where = TokenColumns(tuple(names_of(columns)), tuple(names_of(json_columns)), per)
    if not where.names:
        raise ConfigError("no columns to read tokens from; name at least one column.")
    check_unique(schema.names)
    check_columns(where.names, schema.names)
    check_per([per] if per else [], schema)
    double = sorted({n for n in where.names if where.names.count(n) > 1})
    if double:
        raise ConfigError(f"a column can be named only once; named twice: {double}.")
    for name in where.names:
        kind = schema.field(name).type
        if pa.types.is_nested(kind) and name in where.texts:
            raise ConfigError(f"column {name!r} is nested ({kind}); move it to json_columns.")
        if not (pa.types.is_nested(kind) or pa.types.is_string(kind)):
            raise ConfigError(f"column {name!r} has type {kind}, which holds no tokens.")
    return where
