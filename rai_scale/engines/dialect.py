"""The few places where DuckDB's and Spark's SQL differ; everything else is the same in both.

No text of a user enters SQL unquoted: names are quoted, numbers are written again, and texts become
quoted literals (DuckDB) or hexadecimal digits (Spark, which reads backslashes as escapes).
"""

from __future__ import annotations

from dataclasses import dataclass

from rai_scale.names import quoted

_FIRST, _LAST = "0001-01-01", "9999-12-31"
_FIRST_MICROS, _LAST_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999
UTC = "UTC"
_DAY_MICROS = 86_400_000_000
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Dialect:
    """How an engine's SQL is written.

    Attributes
    ----------
    name : {"duckdb", "spark", "spark3"}
        ``spark3`` is Spark before version 4.
    time_zone : str
        The zone in which times with a zone are read, whatever the session's own zone is.
    """

    name: str
    time_zone: str = UTC

    @property
    def spark(self) -> bool:
        """Whether this is Spark SQL."""
        return self.name != "duckdb"

    def column(self, name: str) -> str:
        """Return a quoted identifier."""
        return quoted(name, "`" if self.spark else '"')

    def text(self, value: str) -> str:
        """Return a literal for a text."""
        if self.spark:
            return f"CAST(X'{value.encode().hex()}' AS STRING)"
        return "CAST('" + value.replace("'", "''") + "' AS VARCHAR)"

    def integer(self, value: int) -> str:
        """Return a 64-bit literal."""
        return f"CAST({int(value)} AS BIGINT)"

    def double(self, value: float) -> str:
        """Return a literal of exactly this double."""
        return f"CAST('{float(value)!r}' AS DOUBLE)"

    def as_text(self, sql: str) -> str:
        """Cast to text; used on decimals only, whose text is the same everywhere."""
        return f"CAST({sql} AS {'STRING' if self.spark else 'VARCHAR'})"

    def digits(self, sql: str) -> str:
        """Return a decimal's sign and digits: of one scale, the same text on every engine.

        Java writes small decimals with an exponent, DuckDB does not.
        """
        text = self.as_text(sql)
        if self.spark:
            text = f"regexp_replace({text}, 'E.*', '')"
            plain = f"trim(LEADING '0' FROM translate({text}, '.-', ''))"
        else:
            plain = f"ltrim(translate({text}, '.-', ''), '0')"
        return f"concat(CASE WHEN {sql} < 0 THEN '-' ELSE '' END, {plain})"

    def local_time(self, sql: str) -> str:
        """Return a time with a zone as the time on the clocks of ``time_zone``.

        Null outside of the years 1 to 9999; unless the zone is UTC, also on the first and last day.
        """
        if self.time_zone == UTC:
            return self._naive_time(sql, 0)
        utc, zone = self._naive_time(sql, _DAY_MICROS), self.text(self.time_zone)
        if self.spark:
            return f"convert_timezone({self.text(UTC)}, {zone}, {utc})"
        return f"timezone({zone}, timezone({self.text(UTC)}, {utc}))"

    def _naive_time(self, sql: str, margin: int) -> str:
        micros = f"unix_micros({sql})" if self.spark else f"epoch_us({sql})"
        seconds = f"CAST({micros} AS DECIMAL(20, 0)) / CAST(1000000 AS DECIMAL(7, 0))"
        start = self.time("1970-01-01 00:00:00", date=False)
        added = f"{start} + make_dt_interval(0, 0, 0, CAST({seconds} AS DECIMAL(18, 6)))"
        naive = added if self.spark else f"make_timestamp({micros})"
        return (
            f"(CASE WHEN {micros} >= {self.integer(_FIRST_MICROS + margin)} "
            f"AND {micros} <= {self.integer(_LAST_MICROS - margin)} THEN {naive} END)"
        )

    def in_years(self, sql: str, *, date: bool) -> str:
        """Return a date or a time without a zone; null outside of the years 1 to 9999.

        For other years, and for infinity, engines and Python differ or raise.
        """
        if not date and not self.spark:
            sql = f"TRY(CAST({sql} AS TIMESTAMP))"  # of seconds, it may be out of range
        ends = (_FIRST, _LAST) if date else (f"{_FIRST} 00:00:00", f"{_LAST} 23:59:59.999999")
        first, last = (self.time(end, date=date) for end in ends)
        return f"(CASE WHEN {sql} >= {first} AND {sql} <= {last} THEN {sql} END)"

    def time(self, iso: str, *, date: bool) -> str:
        """Return a literal for a date or a time without a zone."""
        kind = "DATE" if date else "TIMESTAMP_NTZ" if self.spark else "TIMESTAMP"
        return f"CAST('{iso}' AS {kind})"

    def valid_text(self, sql: str) -> str:
        """Return a text, or null where its bytes are not valid UTF-8: functions may fail on those.

        Spark does not check Parquet files; the local engine and Dask check before DuckDB reads a
        text.
        """
        if self.name == "spark":
            return f"try_validate_utf8({sql})"
        if not self.spark:
            return sql
        raw = f"CAST({sql} AS BINARY)"  # Spark 3 replaces invalid UTF-8 when it decodes
        return f"(CASE WHEN encode(decode({raw}, 'UTF-8'), 'UTF-8') = {raw} THEN {sql} END)"

    def hex_number(self, sql: str) -> str:
        """Return 15 hexadecimal digits as a 64-bit number."""
        if self.spark:
            return f"CAST(conv({sql}, 16, 10) AS BIGINT)"
        return f"CAST('0x' || {sql} AS BIGINT)"

    def type_of(self, kind: str) -> str:
        """Return the SQL type of a kind of values."""
        plain = {"int": "BIGINT", "float": "DOUBLE", "bool": "BOOLEAN", "date": "DATE"}
        if kind == "text":
            return "STRING" if self.spark else "VARCHAR"
        return plain.get(kind) or ("TIMESTAMP_NTZ" if self.spark else "TIMESTAMP")

    def sha256(self, sql: str) -> str:
        """Return the hexadecimal SHA-256 of a text's UTF-8 bytes."""
        return f"sha2({sql}, 256)" if self.spark else f"sha256({sql})"

    def micros(self, sql: str) -> str:
        """Return a time without a zone as microseconds since 1970."""
        if not self.spark:
            return f"epoch_us({sql})"
        # by parts: TIMESTAMP and timestampdiff depend on the session's zone
        parts = [f"{self.days(f'CAST({sql} AS DATE)')} * {self.integer(86_400_000_000)}"]
        for part, micros in (("hour", 3_600_000_000), ("minute", 60_000_000)):
            parts.append(f"CAST({part}({sql}) AS BIGINT) * {self.integer(micros)}")
        parts.append(f"CAST(extract(SECOND FROM {sql}) * 1000000 AS BIGINT)")
        return f"({' + '.join(parts)})"

    def trimmed(self, sql: str) -> str:
        """Return a text without the blanks (U+0020 only) at its ends."""
        return f"trim({sql})" if self.spark else f"trim({sql}, ' ')"

    def whole(self, function: str, sql: str) -> str:
        """Return ``floor`` or ``ceil`` as a double; large doubles are already integers."""
        limit = self.double(2.0**53)
        small = f"CAST({function}({sql}) AS DOUBLE)"
        return f"(CASE WHEN abs({sql}) < {limit} THEN {small} ELSE {sql} END)"

    def rounded(self, sql: str) -> str:
        """Return a double within 64 bits as the nearest integer, halves to even."""
        return f"CAST(rint({sql}) AS BIGINT)" if self.spark else f"CAST({sql} AS BIGINT)"

    def saturated(self, sql: str) -> str:
        """Return a double rounded in DuckDB; clamped to 64 bits, and NaN as null."""
        ends = (
            f"CASE WHEN isnan({sql}) THEN NULL WHEN {sql} > CAST(0 AS DOUBLE) "
            f"THEN {2**63 - 1} WHEN {sql} < CAST(0 AS DOUBLE) THEN -{2**63 - 1} END"
        )
        return f"coalesce(TRY_CAST({sql} AS BIGINT), {ends})"

    def days(self, sql: str) -> str:
        """Return a date as days since 1970."""
        start = self.time("1970-01-01", date=True)
        if self.spark:
            return f"CAST(datediff({sql}, {start}) AS BIGINT)"
        return f"CAST(date_diff('day', {start}, {sql}) AS BIGINT)"


def without_nan(sql: str) -> str:
    """Return a double with NaN as null and without a negative zero.

    NaN equals NaN and is the largest number in both. ``least`` changes no number: Parquet's
    statistics leave NaN out, and DuckDB would take a column compared with NaN for one without.
    """
    nan = "CAST('NaN' AS DOUBLE)"
    return f"(nullif(least({sql}, {nan}), {nan}) + CAST(0 AS DOUBLE))"
