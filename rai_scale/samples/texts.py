"""Free text from templates; a slot is a personal item, or something that only looks like one."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from rai_scale.samples import phrases
from rai_scale.samples.marked import Marked, Template, join, whole

if TYPE_CHECKING:
    from rai_scale.samples.marked import Slot
    from rai_scale.samples.people import Person

LONG_CELL = 600_000
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
PRODUCTS = (
    *("steel bottle", "desk lamp", "travel mug", "wool blanket"),
    *("garden hose", "phone case", "bread knife", "picture frame"),
)


def phone(number: str, rng: Random) -> str:
    """Return a phone number in one of the usual formats."""
    if number.startswith("+"):
        return number
    area, office, line = number.split("-")
    return rng.choice(
        (
            number,
            number,
            f"({area}) {office}-{line}",
            f"+1 {area} {office} {line}",
            f"+1-{area}-{office}-{line}",
            f"{area}.{office}.{line}",
        )
    )


def card(number: str, rng: Random) -> str:
    """Return a card number without separators, or in groups of four."""
    separator = rng.choice(("", "", " ", "-"))
    return separator.join(number[i : i + 4] for i in range(0, len(number), 4))


def birth(person: Person, rng: Random) -> str:
    """Return the date of birth in one of the usual formats."""
    day = person.birth
    month = MONTHS[day.month - 1]
    return rng.choice(
        (
            day.isoformat(),
            f"{day.month:02d}/{day.day:02d}/{day.year}",
            f"{month} {day.day}, {day.year}",
            f"{day.day} {month} {day.year}",
        )
    )


def _no_card(person: Person, rng: Random) -> str:
    last = (int(person.card[-1]) + 1) % 10
    return f"{person.card[:-1]}{last}"


SLOTS: dict[str, Slot] = {
    "name": ("PERSON", lambda p, r: p.full),
    "first": ("PERSON", lambda p, r: p.first),
    "last": ("PERSON", lambda p, r: p.last),
    "lower_name": ("PERSON", lambda p, r: p.full.lower()),
    "double_last": ("PERSON", lambda p, r: f"{p.last}-Baker"),
    "upper_last": ("PERSON", lambda p, r: p.last.upper()),
    "other": ("PERSON", lambda p, r: p.contact),
    "other_last": ("PERSON", lambda p, r: p.contact.split()[-1]),
    "email": ("EMAIL_ADDRESS", lambda p, r: p.email),
    "phone": ("PHONE_NUMBER", lambda p, r: phone(p.phone, r)),
    "other_phone": ("PHONE_NUMBER", lambda p, r: phone(p.contact_phone, r)),
    "card": ("CREDIT_CARD", lambda p, r: card(p.card, r)),
    "iban": ("IBAN_CODE", lambda p, r: p.iban),
    "ssn": ("US_SSN", lambda p, r: p.ssn),
    "ip": ("IP_ADDRESS", lambda p, r: p.ip),
    "street": ("LOCATION", lambda p, r: p.street),
    "city": ("LOCATION", lambda p, r: p.city),
    "dob": ("DATE_TIME", birth),
    "url": ("URL", lambda p, r: p.url),
    "order": (None, lambda p, r: str(r.randrange(10**7, 10**8))),
    "serial": (None, lambda p, r: f"{r.randrange(16**8):08x}"),
    "padding": (None, lambda p, r: " " * r.randrange(80, 110) + "|"),
    "badcard": (None, _no_card),
    "sku": (None, lambda p, r: f"SKU-{r.randrange(100_000):05d}"),
    "amount": (None, lambda p, r: f"${r.randrange(500, 50_000) / 100:.2f}"),
    "quantity": (None, lambda p, r: str(r.randrange(2, 30))),
    "version": (None, lambda p, r: f"{r.randrange(9)}.{r.randrange(40)}.{r.randrange(20)}"),
    "pressure": (None, lambda p, r: f"{r.randrange(100, 150)}/{r.randrange(60, 95)}"),
    "product": (None, lambda p, r: r.choice(PRODUCTS)),
    "day": (None, lambda p, r: r.choice(("Monday", "Tuesday", "Friday", "last week"))),
}


def _compile(texts: tuple[str, ...]) -> list[Template]:
    return [Template(text, SLOTS) for text in texts]


PLAIN = _compile(phrases.PLAIN)
PERSONAL = _compile(phrases.PERSONAL)
LOG = _compile(phrases.LOG)
SUBJECTS = _compile(phrases.SUBJECTS)
PERSONAL_SUBJECTS = _compile(phrases.PERSONAL_SUBJECTS)
NATIVE = {script: _compile(texts) for script, texts in phrases.NATIVE.items()}
CUSTOMER_NOTES = _compile(phrases.CUSTOMER_NOTES)
DOCTOR_NOTES = _compile(phrases.DOCTOR_NOTES)
LETTER = _compile(phrases.LETTER)


def sentence(person: Person, rng: Random, personal: float) -> Marked:
    """Return one sentence; ``personal`` is the probability that it has personal items."""
    if rng.random() >= personal:
        return rng.choice(PLAIN).render(person, rng)
    native = NATIVE.get(person.script)
    return rng.choice(native or PERSONAL).render(person, rng)


def subject(person: Person, rng: Random) -> Marked:
    """Return the subject of a ticket; most subjects repeat, and few have personal items."""
    choices = PERSONAL_SUBJECTS if rng.random() < 0.06 else SUBJECTS  # noqa: PLR2004
    return rng.choice(choices).render(person, rng)


def body(person: Person, rng: Random) -> Marked:
    """Return 1 to 8 sentences; 40 % of the bodies have no personal item."""
    personal = 0.0 if rng.random() < 0.4 else 0.55  # noqa: PLR2004
    parts = [sentence(person, rng, personal) for _ in range(rng.randint(1, 8))]
    return join(parts, "\n" if rng.random() < 0.1 else " ")  # noqa: PLR2004


def long_body(person: Person, rng: Random) -> Marked:
    """Return a text of about 600,000 characters with personal items near its start and end."""
    parts = [template.render(person, rng) for template in PERSONAL[:4]]
    size = 0
    while size < LONG_CELL:
        parts.append(rng.choice(LOG).render(person, rng))
        size += len(parts[-1].text) + 1
    parts += [template.render(person, rng) for template in PERSONAL[7:10]]
    return join(parts)


def note(templates: list[Template], count: int, person: Person, rng: Random) -> Marked:
    """Return ``count`` different sentences out of ``templates``."""
    return join(template.render(person, rng) for template in rng.sample(templates, count))


def letter(person: Person, rng: Random) -> Marked:
    """Return a letter with a sentence without personal items between its fixed parts."""
    parts = [template.render(person, rng) for template in LETTER]
    parts.insert(4, sentence(person, rng, 0.0))
    return join([*parts, whole("EMAIL_ADDRESS", person.email)], "\n\n")
