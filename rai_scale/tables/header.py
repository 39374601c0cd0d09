"""Decide whether the first record of a CSV file has the names of its columns.

If data were taken for names, they would never be searched. So there must be evidence for names: a
word that is common in column names, an identifier, or a name above numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache

MOSTLY, CLEARLY = 0.5, 0.8
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_YEAR = re.compile(r"(19|20)\d\d")
_DIGITS = 5
_IDENTIFIER = re.compile(r"[A-Za-z]\w*_\w+|[a-z]+[0-9]*[A-Z]\w*", re.ASCII)
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_.]*")
_NO_WORDS = re.compile(r"[\W\d_]*")
_NO_VALUE = {"", "-", "unknown", "unbekannt", "n/a", "na", "nan", "none", "null", "true", "false"}
_NO_VALUE |= {"yes", "no", "ja", "nein", "oui", "non", "male", "female", "m", "f"}
_WORD_LIST = """
    id ids key uuid guid code index idx row rank number num nr no position record line part version
    name names first last full middle given family maiden sur legal nick user username customer
    client patient employee person contact owner holder author student account member company
    firm organisation organization department team manager role job occupation profession
    date time timestamp datetime day month year week hour minute second seconds start end begin
    created updated modified changed deleted born birth dob birthday age since until duration
    type kind class category categories group label labels target score rank rating level grade
    status state flag active valid value values amount amounts price cost fee total sum balance
    count quantity qty rate ratio share percent pct min max mean median average std currency unit
    units weight height width length size volume temperature speed distance income salary loan debt
    text texts note notes comment comments message body subject title description details reason
    question answer summary content url link website file filename path folder source tag tags topic
    email mail e phone telephone tel mobile fax address addresses street city town zip postal
    postcode code country region county district land state place location lat latitude lon lng
    longitude x y z ip host device session event events action page product products item items sku
    order orders invoice payment card iban bank transaction
    sex gender race ethnicity ethnic nationality religion language citizenship marital married
    education diagnosis disease icd treatment drug dose ward hospital doctor physician visit
    ssn social security insurance passport licence license tax national
    of the at in on by per and or is has had to from with a b c d
    betrag datum zeit tag monat jahr nummer vorname nachname familienname strasse straße hausnummer
    plz ort stadt telefon kunde kundennummer bemerkung kommentar beschreibung wert preis menge
    anzahl
    geburtsdatum geschlecht alter beruf abteilung bezeichnung art gruppe konto kontonummer
    nom prénom prenom adresse ville pays rue date naissance montant prix quantité quantite
    nombre apellido apellidos dirección direccion ciudad país pais calle fecha nacimiento correo
    teléfono telefono importe precio cantidad edad sexo
    nome cognome indirizzo città citta via data nascita importo prezzo quantità naam achternaam
    voornaam straat plaats bedrag geboortedatum
"""
_WORDS = frozenset(_WORD_LIST.split())
"""Words that are common in column names."""


class Header(Enum):
    """What the first record is; in doubt, it is read as a header and searched as data too."""

    YES = "names"
    DOUBTFUL = "in doubt"
    NO = "data"


def modal(records: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Return the most frequent number of fields, and the number of records that have it."""
    lengths = list(map(len, records))
    if len(set(lengths)) == 1:
        return lengths[0], len(lengths)
    counts = Counter(lengths)
    return max(counts.items(), key=lambda item: (item[1], item[0])) if counts else (0, 0)


def header_of(records: Sequence[Sequence[str]]) -> Header:
    """Return whether the first of ``records`` (at least one) has the names of the columns."""
    first = [field.strip() for field in records[0]]
    rest = records[1:]
    if records[0] in rest:  # repeated headers of joined files
        rest = [record for record in rest if record != records[0]]
    fields, often = modal(records)
    title = len(first) < fields and often > CLEARLY * (len(records) - 1)
    if title or any("@" in field and _EMAIL.search(field) for field in first):
        return Header.NO
    numbers = [int(field) for field in first if field.isdecimal() and field.isascii()]
    if len(numbers) > 1 and numbers == list(range(len(numbers))):
        return Header.YES  # numbered by a program
    columns = _columns(rest, len(first))
    pairs = list(zip(first, columns, strict=True))
    again = sum(field in below for field, below in pairs)
    if again >= min(2, len(first)) or any(_is_value(field, below) for field, below in pairs):
        return Header.NO
    if _names_columns(pairs):
        return Header.YES
    return Header.DOUBTFUL if rest else Header.NO


def _columns(records: Sequence[Sequence[str]], number: int) -> list[list[str]]:
    """Return the values of the first columns that are not blank."""
    if set(map(len, records)) == {number}:
        return list(map(_stripped, zip(*records, strict=True)))
    return [
        list(filter(None, (record[at].strip() for record in records if at < len(record))))
        for at in range(number)
    ]


def _stripped(column: Sequence[str]) -> list[str]:
    text = "".join(column)
    if " " in text or not text.isprintable():  # else no character is white space
        column = list(map(str.strip, column))
    return list(filter(None, column))


def _names_columns(pairs: Sequence[tuple[str, Sequence[str]]]) -> bool:
    """Return whether enough fields are names: all, half and a word, or a word above numbers."""
    filled = [pair for pair in pairs if pair[0]]
    if any(field.casefold() in _NO_VALUE and below for field, below in filled):
        return False
    words = [(field, below) for field, below in filled if _is_word(field) and field not in below]
    if any(_are_numbers(below) for _, below in words):
        return True
    sure = sum(_is_name(field, below) for field, below in filled)
    plain = all(_PLAIN_NAME.fullmatch(field) for field, _ in filled)
    return (sure > 0 and plain) or (
        bool(filled) and (sure == len(filled) or bool(words and 2 * sure >= len(filled)))
    )


def _is_name(field: str, below: Sequence[str]) -> bool:
    if field in below:
        return False
    if _IDENTIFIER.fullmatch(field):
        return not (below and _have(_shape_of(field), below, MOSTLY))
    known = _is_word(field) or bool(_YEAR.fullmatch(field))
    return known or (" " not in field and _are_numbers(below))


def _are_numbers(below: Sequence[str]) -> bool:
    if not below:
        return False
    if _NO_WORDS.fullmatch("\n".join(below)):  # all of them at once
        return True
    odd = 0
    for value in below:
        odd += _NO_WORDS.fullmatch(value) is None
        if (len(below) - odd) / len(below) <= CLEARLY:
            return False
    return True


def _have(shape: re.Pattern[str], below: Sequence[str], share: float) -> bool:
    """Return whether at least a share of the values has a shape."""
    least = share * len(below)
    found = 0
    for number, value in enumerate(below, 1):
        found += shape.fullmatch(value) is not None
        if found >= least or found + len(below) - number < least:
            break
    return found >= least


@lru_cache(4096)
def _is_word(field: str) -> bool:
    """Return whether a field consists of words that are common in column names."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", field)
    words = [word for word in re.split(r"[\W\d_]+", split.casefold()) if word]
    return bool(words) and all(word in _WORDS for word in words) and not field[:1].isdigit()


def _is_value(field: str, below: Sequence[str]) -> bool:
    """Return whether a field is a number, date or code like those below it, or a long number."""
    digits = sum(map(str.isdigit, field))
    letters = any(letter.isalpha() for letter in field)
    if not digits or (letters and digits < _DIGITS):
        return False
    if not below:
        return digits >= _DIGITS and not letters
    return _have(_YEAR if _YEAR.fullmatch(field) else _shape_of(field), below, MOSTLY)


def _shape_of(field: str) -> re.Pattern[str]:
    """Return a pattern for texts with letters, digits and other characters where a field has them.

    One letter stands for any run of letters, one digit for any run of digits.
    """
    parts = re.findall(r"\d+|[^\W\d_]+|[\W_]+", field)
    return re.compile("".join(_RUN.get(_kind(part), re.escape(part)) for part in parts))


_RUN = {"digits": r"\d+", "letters": r"[^\W\d_]+"}


def _kind(part: str) -> str:
    return "digits" if re.match(r"\d", part) else "letters" if re.match(r"[^\W_]", part) else ""
