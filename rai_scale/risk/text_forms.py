"""The forms of text values: lengths, digits, spaces. They show lost zeros, and what codes exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.risk.sql_parts import odd_text

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

# all texts of SQL in this module are made of fixed names
# ruff: noqa: S608

_CODE = 3
_MOST_DIGITS = 15


def text_forms(engine: Engine, data: Any, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return the forms of text columns (short names) by column; executes.

    One row per form: ``length``, ``digits`` (at the start of the value), ``code`` (1 if nothing
    but ``*`` follows them), and the rows ``n`` with it, those that begin with 0 (``zeros``) and
    those with spaces around them or with combining characters (``odd``).
    """
    if not names:
        return {}
    rows = f"SELECT {', '.join(names)} FROM {SQL_DATA}"
    parts = []
    for at, name in enumerate(names):
        digits = f"regexp_extract({name}, '^[0-9]*', 0)"
        rest = f"translate(substr({name}, length({digits}) + 1), '*', '')"
        distinct = (
            f"SELECT {name}, count(*) AS rows_ FROM {SQL_ROWS} WHERE {name} IS NOT NULL "
            f"GROUP BY {name}"
        )
        values = (
            f"SELECT {at} AS col, length({name}) AS length, length({digits}) AS digits, "
            f"CASE WHEN {rest} = '' THEN 1 ELSE 0 END AS code, "
            f"CASE WHEN substr({name}, 1, 1) = '0' THEN rows_ ELSE 0 END AS zero, "
            f"{odd_text(name, engine.dialect != 'duckdb')} * rows_ AS is_odd, rows_ "
            f"FROM ({distinct}) AS d"
        )
        parts.append(
            "SELECT col, length, digits, code, CAST(sum(rows_) AS BIGINT) AS n, "
            "CAST(sum(zero) AS BIGINT) AS zeros, CAST(sum(is_odd) AS BIGINT) AS odd "
            f"FROM ({values}) AS v GROUP BY col, length, digits, code"
        )
    totals = " UNION ALL ".join(parts)
    keys = ["col", "length", "digits", "code"]
    table = engine.aggregate_sql(data, rows, totals, keys=keys).to_pandas()
    return {name: table[table["col"] == at] for at, name in enumerate(names)}


def lost_zeros(forms: pd.DataFrame) -> bool:
    """Return whether all values are digits of several lengths, and none begins with 0 but 0."""
    codes = bool(len(forms)) and bool((forms["code"] == 1).all()) and bool(forms["digits"].min())
    zeros = forms.loc[forms["digits"] > 1, "zeros"].sum()
    return codes and forms["digits"].nunique() > 1 and not zeros


def code_length(forms: pd.DataFrame) -> int | None:
    """Return the number of digits, if all values are codes of equally many (at least 3)."""
    if not len(forms) or not (forms["code"] == 1).all() or forms["length"].nunique() > 1:
        return None
    digits = int(forms["digits"].min())
    same = forms["digits"].nunique() == 1 and _CODE <= digits <= _MOST_DIGITS
    return digits if same else None
