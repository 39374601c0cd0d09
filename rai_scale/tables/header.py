"""Whether the first record of a CSV file names its columns: yes, no, or in doubt.

A first record that is data and is taken for names would never be searched, so that names must show
that they are some: a word that columns are called by, an identifier, or a name over numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum

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
"""What columns are called by."""


class Header(Enum):
    """What the first record is; one in doubt is taken for a header and searched as data too."""

    YES = "names"
    DOUBTFUL = "in doubt"
    NO = "data"


def modal(records: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Return the most frequent number of fields, and how many records have it."""
    counts = Counter(map(len, records))
    return max(counts.items(), key=lambda item: (item[1], item[0])) if counts else (0, 0)


def header_of(records: Sequence[Sequence[str]]) -> Header:
    """Tell whether the first record names columns; there is at least one record."""
    first = [cell.strip() for cell in records[0]]
    rest = [record for record in records[1:] if record != records[0]]  # files put together
    fields, often = modal(records)
    title = len(first) < fields and often > CLEARLY * (len(records) - 1)
    if title or any(_EMAIL.search(cell) for cell in first):
        return Header.NO
    numbers = [int(cell) for cell in first if cell.isdecimal() and cell.isascii()]
    if len(numbers) > 1 and numbers == list(range(len(numbers))):
        return Header.YES  # columns that were numbered by a program
    columns = [
        [r[i].strip() for r in rest if i < len(r) and r[i].strip()] for i in range(len(first))
    ]
    pairs = list(zip(first, columns, strict=True))
    again = sum(cell in below for cell, below in pairs)
    if again >= min(2, len(first)) or any(_is_value(cell, below) for cell, below in pairs):
        return Header.NO
    if _names_columns(pairs):
        return Header.YES
    return Header.DOUBTFUL if rest else Header.NO


def _names_columns(pairs: Sequence[tuple[str, Sequence[str]]]) -> bool:
    """Whether enough cells are surely names: all, half with a word, or a word over numbers."""
    filled = [pair for pair in pairs if pair[0]]
    if any(cell.casefold() in _NO_VALUE and below for cell, below in filled):
        return False
    words = [cell for cell, below in filled if _is_word(cell) and cell not in below]
    numbers = [cell for cell, below in filled if _are_numbers(below)]
    sure = sum(_is_name(cell, below) for cell, below in filled)
    plain = all(_PLAIN_NAME.fullmatch(cell) for cell, _ in filled)
    if any(cell in numbers for cell in words) or (sure and plain):
        return True
    return bool(filled) and (sure == len(filled) or bool(words and 2 * sure >= len(filled)))


def _is_name(cell: str, below: Sequence[str]) -> bool:
    if cell in below:
        return False
    if _IDENTIFIER.fullmatch(cell):
        return not below or _share(_shape(o) == _shape(cell) for o in below) < MOSTLY
    over_numbers = " " not in cell and _are_numbers(below)
    return over_numbers or _is_word(cell) or bool(_YEAR.fullmatch(cell))


def _are_numbers(below: Sequence[str]) -> bool:
    return bool(below) and _share(bool(_NO_WORDS.fullmatch(o)) for o in below) > CLEARLY


def _is_word(cell: str) -> bool:
    """Whether a cell is made of nothing but words that columns are called by."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cell)
    words = [word for word in re.split(r"[\W\d_]+", split.casefold()) if word]
    return bool(words) and all(word in _WORDS for word in words) and not cell[:1].isdigit()


def _share(signs: Iterable[bool]) -> float:
    found = list(signs)
    return sum(found) / max(1, len(found))


def _is_value(cell: str, below: Sequence[str]) -> bool:
    """Whether a cell is a number, date or code as they stand below it, or too long for a year."""
    digits = sum(letter.isdigit() for letter in cell)
    letters = any(letter.isalpha() for letter in cell)
    if not digits or (letters and digits < _DIGITS):
        return False
    if not below:
        return digits >= _DIGITS and not letters
    like = _YEAR if _YEAR.fullmatch(cell) else re.compile(re.escape(_shape(cell)))
    same = sum(bool(like.fullmatch(o if like is _YEAR else _shape(o))) for o in below)
    return same >= MOSTLY * len(below)


def _shape(cell: str) -> str:
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", cell))
