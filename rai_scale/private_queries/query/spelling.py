"""Translate ordinary SQL to SmartNoise's grammar, with encoded texts, which it cannot change.

SmartNoise's grammar does not support doubled apostrophes and keeps backslashes in texts, so every
text of a query is encoded as hexadecimal digits and decoded in its trees.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from snsql.sql.parser.SqlSmallLexer import SqlSmallLexer

from rai_scale.private_queries.column_names import encoded_name, is_quoted
from rai_scale.private_queries.problems import MARK, QueryRefusedError
from rai_scale.private_queries.query.trees import Pattern, nodes

_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<text>'(?:''|\\['\\]|[^'])*+')
    |(?P<name>"(?:[^"]|"")*+"|`[^`]*`|\[[^\]]*\]|[^\W\d][\w$]*)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"''|\\['\\]")
KEYWORDS = frozenset(
    name for name in SqlSmallLexer.symbolicNames[1:] if re.fullmatch(r"[A-Z][A-Z0-9_]*", name)
) - {"EQ", "LT", "GT", "LTE", "GTE", "NEQ", "NSEQ", "STRING", "IDENT", "LETTER", "WS", "SPACE"}
_CLAUSES = frozenset(
    {
        *("SELECT", "FROM", "WHERE", "GROUP", "BY", "HAVING", "ORDER", "LIMIT", "TOP"),
        *("AS", "AND", "OR", "NOT", "IN", "IS", "NULL", "TRUE", "FALSE"),
        *("CASE", "WHEN", "THEN", "ELSE", "END", "BETWEEN", "DISTINCT", "ALL", "ON"),
        *("JOIN", "INNER", "CROSS", "LEFT", "RIGHT", "FULL", "OUTER", "SEMI", "ANTI"),
        *("USING", "UNION", "INTERSECT", "ASC", "DESC", "FOR", "OVER", "PARTITION", "CURRENT_DATE"),
        *("CURRENT_TIME", "CURRENT_TIMESTAMP", "LIKE", "EXCEPT"),
    }
)
_PARTS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND", "WEEKDAY")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str

    @property
    def word(self) -> str:
        """The word in upper case, if this is a word without quotes."""
        plain = self.kind == "name" and self.text[0] not in '"`['
        return self.text.upper() if plain else self.text if self.kind == "mark" else ""


def spelled(query: str) -> str:
    """Return a query in SmartNoise's grammar.

    Comments are removed; texts, and numbers that a double cannot represent, are encoded; LIKE
    becomes IN with an encoded pattern; an alias without AS gets it; words that are keywords of that
    grammar alone, such as ``date``, are quoted; quoted names are
    encoded; ``QUARTER`` becomes a CASE over months.

    Raises
    ------
    QueryRefusedError
        If a text does not end, or LIKE has a pattern that is not a literal.
    """
    tokens = _tokens(query)
    for step in (_typed_texts, _likes, _parts, _quoted_words, _named):
        tokens = step(tokens)
    return _joined(_numbers(tokens))


def read_back(tree: Any, *, rows: bool) -> Any:
    """Decode the texts of a tree of SmartNoise's, in place.

    Parameters
    ----------
    rows : bool
        Whether numbers that a double cannot represent stay exact; SmartNoise evaluates only
        doubles.
    """
    for node in nodes(tree):
        if type(node).__name__ == "Literal" and isinstance(node.value, str):
            found = decoded(node.value)
            node.value = float(found) if isinstance(found, Decimal) and not rows else found
    return tree


def decoded(value: str) -> str | Decimal:
    """Return the value of an encoded literal; any other text unchanged."""
    if not value.startswith(MARK):
        return value
    text = bytes.fromhex(value[2:]).decode("utf-8", "surrogatepass")
    if value[1] == "n":
        return Decimal(text)
    return Pattern(text) if value[1] == "l" else text


def _coded(kind: str, text: str) -> _Token:
    return _Token("text", f"'{MARK}{kind}{text.encode('utf-8', 'surrogatepass').hex()}'")


def _tokens(query: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(query):
        kind, text = str(match.lastgroup), match[0]
        if kind == "mark" and text == "'":
            raise QueryRefusedError(
                "a text does not end. An apostrophe in a text is written twice, as in 'O''Brien'; "
                r"a backslash before an apostrophe or a backslash escapes it, as in 'C:\\'."
            )
        if kind == "text":
            found.append(_coded("t", _ESCAPE.sub(lambda m: m[0][1], text[1:-1])))
        else:
            found.append(_Token(kind, " " if kind == "blank" else text))
    return found


def _joined(tokens: Iterable[_Token]) -> str:
    """Return the text of tokens, with quoted names encoded."""
    quoted = ((t.kind == "name" and is_quoted(t.text), t.text) for t in tokens)
    return "".join(encoded_name(text) if name else text for name, text in quoted).strip()


def _next(tokens: list[_Token], at: int, step: int = 1) -> int:
    """Return the position of the next token that is not blank, or the length (or -1)."""
    at += step
    while 0 <= at < len(tokens) and tokens[at].kind == "blank":
        at += step
    return at


def _at(tokens: list[_Token], at: int) -> _Token:
    return tokens[at] if 0 <= at < len(tokens) else _Token("end", "")


def _typed_texts(tokens: list[_Token]) -> list[_Token]:
    """Remove DATE and TIMESTAMP before a text: the other side of the comparison has the type."""
    typed = ("DATE", "TIMESTAMP")
    return [
        token
        for i, token in enumerate(tokens)
        if not (token.word in typed and _at(tokens, _next(tokens, i)).kind == "text")
    ]


def _likes(tokens: list[_Token]) -> list[_Token]:
    found, i = [], 0
    while i < len(tokens):
        if tokens[i].word != "LIKE":
            found.append(tokens[i])
            i += 1
            continue
        at = _next(tokens, i)
        if _at(tokens, at).kind != "text":
            raise QueryRefusedError("LIKE needs a text in private SQL, as in city LIKE 'a%'.")
        pattern, escape = decoded(tokens[at].text[1:-1]), "\\"
        after = _next(tokens, at)
        if _at(tokens, after).word == "ESCAPE":
            mark = _next(tokens, after)
            escape = str(decoded(_at(tokens, mark).text[1:-1]))
            if _at(tokens, mark).kind != "text" or len(escape) != 1:
                raise QueryRefusedError("ESCAPE needs one character, as in LIKE 'a!%' ESCAPE '!'.")
            at = mark
        coded = _coded("l", _pattern(str(pattern), escape))
        found += [_Token("name", "IN"), _Token("mark", "("), coded, _Token("mark", ")")]
        i = at + 1
    return found


def _pattern(text: str, escape: str) -> str:
    """Return a pattern whose escape character is a backslash."""
    found, i = "", 0
    while i < len(text):
        if text[i] != escape:
            found += "\\\\" if text[i] == "\\" else text[i]
        elif text[i + 1 : i + 2] in ("%", "_", escape):
            i += 1
            found += (
                "\\\\" if text[i] == "\\" else text[i] if text[i] not in "%_" else "\\" + text[i]
            )
        else:
            raise QueryRefusedError(
                f"the pattern of LIKE has an escape ({escape}) before a character other than %, _ "
                f"and the escape itself; engines differ on it."
            )
        i += 1
    return found


def _parts(tokens: list[_Token]) -> list[_Token]:
    """Write YEAR(x) as EXTRACT, and quarters as a CASE over months."""
    found, i = [], 0
    while i < len(tokens):
        word, opened = tokens[i].word, _next(tokens, i)
        if _at(tokens, opened).text == "(" and word in ("EXTRACT", *_PARTS, "QUARTER"):
            end = _closing(tokens, opened)
            inside = tokens[opened + 1 : end]
            if word == "EXTRACT":
                first = _next(inside, -1)
                word, start = _at(inside, first).word, _next(inside, first)
                if _at(inside, start).word != "FROM":
                    raise QueryRefusedError("write EXTRACT as EXTRACT(YEAR FROM x).")
                inside = inside[start + 1 :]
            found += _part(word, _joined(_parts(inside)))
            i = end + 1
        else:
            found.append(tokens[i])
            i += 1
    return found


def _part(word: str, source: str) -> list[_Token]:
    text = f"EXTRACT({word} FROM {source})"
    if word == "QUARTER":
        month = f"EXTRACT(MONTH FROM {source})"
        whens = " ".join(f"WHEN {month} <= {3 * q} THEN {q}" for q in (1, 2, 3, 4))
        text = f"CASE {whens} END"
    # split into tokens again, so that the following steps process the names in it
    return [_Token(str(m.lastgroup), m[0]) for m in _TOKEN.finditer(text)]


def _closing(tokens: list[_Token], opened: int) -> int:
    depth = 0
    for i in range(opened, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[i].text, 0)
        if depth == 0:
            return i
    raise QueryRefusedError("the query cannot be parsed: a parenthesis is not closed.")


def _quoted_words(tokens: list[_Token]) -> list[_Token]:
    found, opened = [], [""]
    for i, token in enumerate(tokens):
        before = _at(tokens, _next(tokens, i, -1)).word
        if token.text == "(":
            opened.append(before)
        elif token.text == ")" and len(opened) > 1:
            opened.pop()
        function = _at(tokens, _next(tokens, i)).text == "("
        part = before == "(" and opened[-1] == "EXTRACT" and token.word in _PARTS
        kind = (before == "AS" and opened[-1] == "CAST") or opened[-1] in ("VARCHAR", "NVARCHAR")
        soft = token.word in KEYWORDS and token.word not in _CLAUSES
        quoted = soft and not (function or part or kind)
        found.append(_Token("name", f'"{token.text}"') if quoted else token)
    return found


def _named(tokens: list[_Token]) -> list[_Token]:
    """Put AS before the name of a column or table that lacks it."""
    found: list[_Token] = []
    depth, clause = 0, ""
    for i, token in enumerate(tokens):
        depth += {"(": 1, "CASE": 1, ")": -1, "END": -1}.get(token.word, 0)
        if depth == 0 and token.word in _CLAUSES - {"AS", "NOT", "AND", "OR"}:
            clause = token.word if token.word in ("SELECT", "FROM") else clause
            clause = "" if token.word in ("WHERE", "GROUP", "HAVING", "ORDER", "LIMIT") else clause
        before = _at(tokens, _next(tokens, i, -1))
        ends = before.kind in ("name", "text", "number") and before.word not in _CLAUSES
        top = before.kind == "number" and _at(tokens, _next(tokens, _next(tokens, i, -1), -1))
        ends = ends and not (top and top.word == "TOP")
        ends = ends or before.text == ")" or before.word in ("END", "NULL", "TRUE", "FALSE")
        name = token.kind == "name" and token.word not in _CLAUSES
        after = _at(tokens, _next(tokens, i))
        last = after.kind == "end" or after.word in (",", ";", *_CLAUSES)
        if depth == 0 and clause and name and ends and last and token.word not in KEYWORDS:
            found += [_Token("name", "AS"), _Token("blank", " ")]
        found.append(token)
    return found


def _numbers(tokens: list[_Token]) -> list[_Token]:
    """Write numbers in the grammar's form; a number that a double cannot represent is encoded."""
    found: list[_Token] = []
    for i, token in enumerate(tokens):
        if token.kind != "number" or token.text.isdigit():
            found.append(token)
            continue
        text = token.text.upper()
        text = "0" + text if text.startswith(".") else text
        value = Decimal(text)
        if len(value.as_tuple().digits) <= 15 or not -300 < value.adjusted() < 300:  # noqa: PLR2004
            found.append(_Token("number", text))
            continue
        minus = _next(tokens, i, -1)
        before = _at(tokens, _next(tokens, minus, -1))
        if _at(tokens, minus).text == "-" and not (
            before.kind in ("text", "number", "end") or before.text == ")"
            or (before.kind == "name" and before.word not in _CLAUSES)
        ):  # fmt: skip
            value = -value
            while found.pop().text != "-":
                pass
        found.append(_coded("n", str(value)))
    return found
