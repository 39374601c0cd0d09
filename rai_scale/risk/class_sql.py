"""The SQL of classes: counts per (class, sensitive value), then per class, then per size.

The result has one row per size of a class, whatever the number of rows or classes. Columns have
numbered names here (``q0``, ``q1`` ... for quasi-identifiers, ``s`` for the sensitive column, ``p``
for the person), so that a column called ``n`` or ``count`` cannot be confused with a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.risk.sql_parts import PEOPLE, PER_CLASS, count, double, odd_text

# all texts of SQL in this module are made of fixed names and numbers
# ruff: noqa: S608

EXTREMES = ("d", "entropy", "alpha", "c2", "t", "gain", "loss", "beyond", "rarest")
"""The worst values among the classes of one size; see :meth:`ClassSql.totals`."""
WORST = (
    "min(d) AS d, min(ln(nc) - nlogn / nc) AS entropy, max(top / nc) AS alpha, "
    "max(top / nullif(nc - top, 0)) AS c2, max(t) AS t, max(up / nc) AS gain, "
    "min(down / nc) AS loss, max(beyond) AS beyond, min(rarest) AS rarest, "
)
"""The worst of each measure of some classes."""
_KEPT = "rai_scale_cells"
_HASH = "CAST(hash({}) >> 1 AS BIGINT)"


@dataclass(frozen=True)
class ClassSql:
    """The SELECT statements for one sensitive column, or for none.

    Attributes
    ----------
    keys : tuple of str
        The quasi-identifiers, ``q0`` ...
    spark : bool
        Whether the SQL is Spark's; otherwise it is DuckDB's.
    sensitive : bool
        Whether there is a column ``s``.
    person : bool
        Whether distinct people (``p``) are counted, instead of rows.
    order : str or None
        For the ordered distance: the expression that ``s`` is sorted by.
    masks : tuple of int
        For ``missing="any"``: the sets of quasi-identifiers that are null in a row, as bits.
    known : str or None
        Rows of literals (hash, count, rank, share up to the value, sum of earlier shares), where
        one execution does not see all rows of a sensitive value.
    texts : tuple of str
        The quasi-identifiers that are text.
    weighted : bool
        Whether a row stands for as many equal rows as its column ``w`` says.
    one_pass : bool
        Whether one execution sees all rows, and may keep the counts of cells for all that follows
        (DuckDB); the largest c is then a column ``cl`` of :meth:`totals`.
    keep : int
        Of this many classes one is kept, with all its rows, by a hash of its keys; 1 keeps all.
    """

    keys: tuple[str, ...]
    spark: bool
    sensitive: bool
    person: bool = False
    order: str | None = None
    masks: tuple[int, ...] = ()
    known: str | None = None
    texts: tuple[str, ...] = ()
    weighted: bool = False
    one_pass: bool = False
    keep: int = 1

    def rows(
        self, floats: Sequence[str] = (), *, part: bool = False, more: Sequence[str] = ()
    ) -> str:
        """Return the SELECT that works row by row; -0.0 becomes 0.0 on every engine."""
        flags = {"s": self.sensitive, "p": self.person, "w": self.weighted}
        names = [*self.keys, *(name for name, there in flags.items() if there), *more]
        made = [f"{n} + 0.0 AS {n}" if n in floats else n for n in names]
        if part:
            made.append(f"{_HASH.format(', '.join(self.keys))} AS part")
        selected = f"SELECT {', '.join(made)} FROM {SQL_DATA}"
        if self.keep == 1:
            return selected
        keys = ", ".join(self.keys)
        hashed = (
            f"pmod(xxhash64({keys}), {self.keep})" if self.spark else f"hash({keys}) % {self.keep}"
        )
        return f"SELECT * FROM ({selected}) AS r WHERE {hashed} = 0"

    def mask_totals(self) -> str:
        """Return the SELECT of the rows per set of nulls."""
        return f"SELECT {self._mask()} AS mask, {self._n} AS n FROM {SQL_ROWS} GROUP BY 1"

    def value_totals(self) -> str:
        """Return the SELECT of the counts per sensitive value."""
        order = self.order or "NULL"
        return (
            f"SELECT s, {_HASH.format('s')} AS h, {order} AS o, {count('sum(n)')} AS n "
            f"FROM ({self._own_cells()}) AS cells GROUP BY s"
        )

    def unlisted_totals(self) -> str:
        """Return the SELECT of the rows with a value that the order does not list."""
        unlisted = f"s IS NOT NULL AND {self.order} IS NULL"
        return f"SELECT 1 AS one, {self._n} AS n FROM {SQL_ROWS} WHERE {unlisted}"

    def totals(self) -> str:
        """Return the SELECT of the worst values per size of a class.

        ``d``: distinct sensitive values; ``entropy`` of them (natural logarithm); ``alpha``: the
        largest share; ``c2``: the largest count divided by the sum of the others; ``t``: distance
        to the whole table; ``gain``, ``loss``: the largest and smallest ratio of a share to that
        in the table; ``beyond``: 1 if a gain exceeds what enhanced beta allows; ``rarest``: the
        smallest share of a value in the table.
        """
        odd = "".join(
            f", {count(f'sum({odd_text(n, self.spark)} * own)')} AS odd_{n}" for n in self.texts
        )
        shown = f"{count('count(*)')} AS classes, {count('sum(own)')} AS covered{odd}"
        if not (self.one_pass and self.sensitive):
            shown = f"{WORST if self.sensitive else ''}{shown}"
            return f"SELECT size, {shown} FROM ({self._classes()}) AS classes GROUP BY size"
        least = "(SELECT min(d) FROM found)"
        few = f"SELECT * FROM ({self._cells()}) AS cells WHERE {least} > 2"
        return (
            f"SELECT * FROM (WITH {_KEPT} AS MATERIALIZED ({self._counted_cells()}), "
            f"found AS MATERIALIZED ({self._classes()}), few AS ({few}) "
            f"SELECT size, {WORST}{shown}, (SELECT max(c) FROM ({self._tails('few', least)}) AS r) "
            "AS cl FROM found GROUP BY size) AS w"
        )

    def recursive_totals(self, l: int) -> str:  # noqa: E741
        """Return the SELECT of the largest c of recursive (c, l)-diversity."""
        by_class = self._tails(f"({self._cells()}) AS cells", str(int(l)))
        return f"SELECT max(c) AS c, {count('count(*)')} AS classes FROM ({by_class}) AS classes"

    def _tails(self, cells: str, l: str) -> str:  # noqa: E741
        """Return per class the largest count divided by the sum of the l-th largest and below."""
        keys = ", ".join(self.keys)
        place = f"row_number() OVER (PARTITION BY {keys} ORDER BY n DESC) AS place"
        tail = f"sum(CASE WHEN place >= {l} THEN n END)"
        return (
            f"SELECT max(n) / {double(tail)} AS c FROM (SELECT {keys}, n, {place} FROM {cells}) "
            f"AS r GROUP BY {keys}"
        )

    def group_totals(self, names: Sequence[str]) -> str:
        """Return the SELECT of the rows per group (columns ``names``) and size of their class."""
        by = ", ".join(dict.fromkeys([*self.keys, *names]))
        n = PEOPLE if self.person else self._n
        same = " AND ".join(f"g.{n} IS NOT DISTINCT FROM k.{n}" for n in self.keys)
        shown = ", ".join(f"g.{name}" for name in names)
        return (
            f"SELECT {shown}, k.size, {count('sum(g.n)')} AS covered "
            f"FROM (SELECT {by}, {n} AS n FROM {SQL_ROWS} GROUP BY {by}) AS g "
            f"JOIN ({self._classes()}) AS k ON {same} GROUP BY {shown}, k.size"
        )

    def _classes(self) -> str:
        keys = ", ".join(self.keys)
        if not self.sensitive:
            sizes = f"{count('sum(n)')} AS size, {count('sum(own)')} AS own"
            return f"SELECT {keys}, {sizes} FROM ({self._cells()}) AS cells GROUP BY {keys}"
        distance = self._ordered() if self.order else self._equal()
        if not self.person:
            return f"SELECT *, nc AS size FROM ({distance}) AS spread"
        people = f"SELECT {keys}, {PEOPLE} AS size FROM {SQL_ROWS} GROUP BY {keys}"
        same = " AND ".join(f"spread.{n} IS NOT DISTINCT FROM people.{n}" for n in self.keys)
        kept = ", ".join(f"spread.{n}" for n in [*self.keys, *PER_CLASS])
        return (
            f"SELECT {kept}, t, people.size AS size, people.size AS own "
            f"FROM (SELECT * FROM ({distance}) AS x) AS spread JOIN ({people}) AS people ON {same}"
        )

    def _equal(self) -> str:
        """Measure each class; the distance between two different values is 1."""
        keys = ", ".join(self.keys)
        return (
            f"SELECT {keys}, {self._measures()}, (sum(abs(n / nc - q) - q) + 1) / 2 AS t "
            f"FROM ({self._shares()}) AS shares GROUP BY {keys}"
        )

    def _ordered(self) -> str:
        """Measure each class; the distance of two values is the difference of their ranks.

        Li et al. (2007), section 5.2: the mean over the m - 1 gaps of |P - Q|, where P and Q are
        the cumulative shares of class and table. P only changes at values of the class: between
        two of them, the sum over Q is a difference of the sums ``below``, split where Q passes P.
        """
        keys = ", ".join(self.keys)
        window = f"PARTITION BY {keys} ORDER BY r"
        steps = (
            f"SELECT *, sum(n) OVER ({window}) / nc AS level, "
            f"coalesce(lead(r) OVER ({window}), m) AS r2, "
            f"coalesce(lead(below) OVER ({window}), all_below) AS below2, "
            f"row_number() OVER ({window}) AS place FROM ({self._shares()}) AS shares"
        )
        split = "greatest(least(coalesce(o.r + 1, 0), r2), c.r)"
        at = (
            "CASE WHEN coalesce(o.r + 1, 0) <= c.r THEN c.below "
            "WHEN o.r + 1 >= r2 THEN below2 ELSE o.below + o.upto END"
        )
        gap = f"level * (2 * {split} - c.r - r2) - 2 * ({at}) + c.below + below2"
        near = "c.level >= o.upto" + (" AND c.level < o.next_upto" if self.spark else "")
        gaps = (
            f"SELECT c.*, {gap} AS gap FROM ({steps}) AS c "
            f"{'' if self.spark else 'ASOF '}LEFT JOIN ({self._table()}) AS o ON {near}"
        )
        first = "sum(gap + CASE WHEN place = 1 THEN below ELSE 0 END)"
        return (
            f"SELECT {keys}, {self._measures()}, {first} / greatest(max(m) - 1, 1) AS t "
            f"FROM ({gaps}) AS gaps GROUP BY {keys}"
        )

    def _measures(self) -> str:
        return (
            f"max(nc) AS nc, {count('sum(own)')} AS own, {count('count(*)')} AS d, "
            "max(n) AS top, sum(n * ln(n)) AS nlogn, max(n / q) AS up, min(n / q) AS down, "
            "max(CASE WHEN n / nc / q - 1 > -ln(q) THEN 1 ELSE 0 END) AS beyond, min(q) AS rarest"
        )

    def _shares(self) -> str:
        """Add to each cell the size of its class (``nc``) and its value's share of the table."""
        keys = ", ".join(f"c.{n}" for n in self.keys)
        same = f"{_HASH.format('c.s')} = o.h" if self.known else "c.s IS NOT DISTINCT FROM o.s"
        ranks = ", o.r, o.m, o.below, o.all_below" if self.order else ""
        return (
            f"SELECT {keys}, {double('c.n')} AS n, c.own, o.q{ranks}, "
            f"CAST(sum(c.n) OVER (PARTITION BY {keys}) AS BIGINT) AS nc "
            f"FROM ({self._cells()}) AS c JOIN ({self._table()}) AS o ON {same}"
        )

    def _table(self) -> str:
        """Return the shares (``q``) of the sensitive values in the whole table.

        With an order also their rank ``r`` from 0 of ``m``, the share ``upto`` and including the
        value, the sum ``below`` of ``upto`` over all values before it, and of all values.
        """
        if self.known:
            return self.known
        cells = f"SELECT s, {double('sum(n)')} AS n FROM ({self._own_cells()}) AS x GROUP BY s"
        if not self.order:
            return f"SELECT s, n / sum(n) OVER () AS q FROM ({cells}) AS v"
        ranked = (
            "SELECT s, n / sum(n) OVER () AS q, count(*) OVER () AS m, "
            f"row_number() OVER (ORDER BY {self.order} NULLS LAST) - 1 AS r FROM ({cells}) AS v"
        )
        upto = f"SELECT *, sum(q) OVER (ORDER BY r) AS upto FROM ({ranked}) AS ranked"
        return (
            "SELECT *, sum(upto) OVER () AS all_below, "
            "sum(upto) OVER (ORDER BY r) - upto AS below, "
            f"lead(upto, 1, 2.0) OVER (ORDER BY r) AS next_upto FROM ({upto}) AS upto"
        )

    def _cells(self) -> str:
        """Return the counts per (class, sensitive value), with nulls as ``missing`` says."""
        return self._matching_cells() if self.masks else self._own_cells()

    def _own_cells(self) -> str:
        return f"SELECT * FROM {_KEPT}" if self.one_pass else self._counted_cells()

    def _counted_cells(self) -> str:
        by = ", ".join([*self.keys, *(["s"] if self.sensitive else [])])
        n = PEOPLE if self.person else self._n
        mask = f", {self._mask()} AS mask" if self.masks else ""
        return f"SELECT {by}{mask}, {n} AS n, {n} AS own FROM {SQL_ROWS} GROUP BY {by}"

    def _matching_cells(self) -> str:
        """Return, for each class, the counts of all rows that it may be.

        These are the rows that are equal to it, or null, in each of its columns. Where the class
        itself is null, only null fits: its true value may occur nowhere else in the table.
        """
        value = ", s" if self.sensitive else ""
        keys = ", ".join(f"r.{n}" for n in self.keys)
        cells = self._own_cells()
        known = f"SELECT DISTINCT {', '.join(self.keys)}, mask FROM ({cells}) AS x"
        parts = []
        for mask in self.masks:
            equal = [f"r.{n} = c.{n}" for i, n in enumerate(self.keys) if not mask >> i & 1]
            match = " AND ".join([f"c.mask = {mask}", f"(r.mask & {mask}) = r.mask", *equal])
            parts.append(
                f"SELECT {keys}{', c.s' if value else ''}, c.n, "
                f"CASE WHEN r.mask = c.mask THEN c.own ELSE 0 END AS own "
                f"FROM ({known}) AS r JOIN ({cells}) AS c ON {match}"
            )
        by = ", ".join(self.keys) + value
        both = f"{count('sum(n)')} AS n, {count('sum(own)')} AS own"
        return f"SELECT {by}, {both} FROM ({' UNION ALL '.join(parts)}) AS m GROUP BY {by}"

    @property
    def _n(self) -> str:
        return count("sum(w)" if self.weighted else "count(*)")

    def _mask(self) -> str:
        bits = (f"CASE WHEN {n} IS NULL THEN {1 << i} ELSE 0 END" for i, n in enumerate(self.keys))
        return f"CAST({' + '.join(bits)} AS BIGINT)"
