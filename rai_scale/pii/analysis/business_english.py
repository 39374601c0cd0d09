"""The preset ``business_en``: patterns for letters, tickets and forms in English.

They find addresses, postcodes, ages, names, companies, dates and places of any country. A pattern
with a score below the threshold of the preset finds something only near one of its context words.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from rai_scale.pii.analysis import english_addresses as places
from rai_scale.pii.analysis import english_people as people
from rai_scale.pii.analysis.config import PatternConfig
from rai_scale.pii.analysis.english_addresses import CAP, GAP, MONTHS
from rai_scale.pii.analysis.personal_names import word_list

_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_MONTH = rf"(?-i:{MONTHS})"
BIRTH = (
    r"(?<=\b(?:born|birth|dob|d\.o\.b\.)(?:[ ](?:on|is|in|date|:))?[:,]?[ ])"
    r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
    rf"|\d{{1,2}}[ ]{MONTHS}[ ]\d{{4}}|{MONTHS}[ ]\d{{1,2}},?[ ]\d{{4}})"
)
DATE = (
    r"\b(?:19|20)\d{2}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?\b"
    rf"|\b{_DAY}[ ]{MONTHS},?[ ](?:19|20)\d{{2}}\b|\b{MONTHS}[ ]{_DAY},?[ ](?:19|20)\d{{2}}\b"
    rf"|\b{_DAY}(?:[ ](?:and|to|-|of)[ ](?:{_DAY}[ ])?)?[ ]?{_MONTH}\b"
    rf"|\b{_MONTH}[ ]{_DAY}\b(?!\.\d)|\b\d{{1,2}}[./]\d{{1,2}}[./](?:19|20)\d{{2}}\b"
)
HOME = (
    r"(?<=\b(?:lives?|lived|living|born|based|located|moved|originally|comes?|resident|residing"
    r"|arrived|flew|fly|flying|travel(?:s|led|ling|ing)?|moving|relocated|returned)"
    rf"[ ](?:in|to|at|from|near|of)[ ]){CAP}"
    rf"(?:{GAP}(?:{CAP}|(?-i:de|del|la|of|am|an|upon)(?={GAP}\p{{Lu}}))){{0,3}}"
)
PHONE = r"(?<![\w.,/-])\+?\(?\d{1,5}\)?(?:[ .-]?\(?\d{1,5}\)?){2,6}(?![\w/]|[.,-]\d)"
EMAIL = r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b"
"""Also of domains that no public list has, such as those of an intranet."""
CARD = r"(?<![\w.,-])\d(?:[ -]?\d){11,18}(?![\w-]|[.,]\d)"


class Rule(NamedTuple):
    """A pattern with a name, which findings report as their recognizer."""

    name: str
    pattern: PatternConfig


def _rule(name: str, entity: str, regex: str, score: float, context: str = "") -> Rule:
    words = tuple(context.split())
    return Rule(name, PatternConfig(entity=entity, regex=regex, score=score, context=words))


def _any_of(file: str) -> str:
    return "|".join(sorted(line.replace(" ", "[ ]") for line in word_list(file)))


@cache
def rules() -> tuple[Rule, ...]:
    """Return all patterns of the preset."""
    near = "address street ship deliver mail send live moved located"
    street = "STREET_ADDRESS"
    return (
        _rule("English street", street, places.ENGLISH, 0.6, near),
        _rule("street of one word", street, places.ONE_WORD, 0.55, near),
        _rule("street that begins with its kind", street, places.KIND_FIRST, 0.55, near),
        _rule("street with a unit", street, places.WITH_UNIT, 0.6, near),
        _rule("apartment", street, places.APARTMENT, 0.5),
        _rule("unit", street, places.UNIT, 0.2, f"{near} apartment"),
        _rule("number, street, number", street, places.TWO_NUMBERS, 0.45, near),
        _rule("two numbers and a street", street, places.NUMBERS_FIRST, 0.45, near),
        _rule("street, number, postcode", street, places.NUMBER_LAST, 0.5, near),
        _rule("military address", street, places.MILITARY, 0.8),
        _rule("box or route", street, places.BOX, 0.7),
        _rule("street corner", street, places.CORNER, 0.6),
        _rule("town with a postcode", street, places.TOWN, 0.5, near),
        _rule("address in parts", street, places.PARTS, 0.5, near),
        _rule("street after a word for it", street, places.AFTER_A_WORD, 0.5, near),
        _rule("postcode", "ZIP_CODE", places.POSTCODE, 0.5, "zip postcode postal"),
        _rule("number as postcode", "ZIP_CODE", r"\b\d{4,6}(?:-\d{4})?\b", 0.05, "zip postcode"),
        _rule("age", "AGE", people.AGE, 0.6),
        _rule("title and name", "PERSON", people.TITLED, 0.75),
        _rule("initials and surname", "PERSON", people.INITIALS, 0.5),
        _rule("name with an initial", "PERSON", people.MIDDLE_INITIAL, 0.6),
        _rule("signature", "PERSON", people.SIGNED, 0.55),
        _rule("last line", "PERSON", people.LAST_LINE, 0.4),
        _rule("name above an address", "PERSON", people.LETTERHEAD, 0.5),
        _rule("name after its introduction", "PERSON", people.INTRODUCED, 0.55),
        _rule("company by its form", "ORGANIZATION", people.COMPANY, 0.55),
        _rule("employer", "ORGANIZATION", people.EMPLOYER, 0.45),
        _rule("date of birth", "DATE_TIME", BIRTH, 0.7),
        _rule("date", "DATE_TIME", DATE, 0.6),
        _rule("home", "LOCATION", HOME, 0.45),
        _rule("country", "LOCATION", rf"\b(?:{_any_of('countries.txt')})\b", 0.55),
        _rule("nationality", "NRP", rf"\b(?:{_any_of('nationalities.txt')})s?\b", 0.5),
        _rule("telephone", "PHONE_NUMBER", PHONE, 0.05, "phone telephone mobile cell call fax"),
        _rule("mail address", "EMAIL_ADDRESS", EMAIL, 0.5),
        _rule("card number", "CREDIT_CARD", CARD, 0.1, "card credit debit visa mastercard amex"),
    )
