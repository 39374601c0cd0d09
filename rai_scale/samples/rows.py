"""One function per table, which makes one row; personal values are marked as they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from rai_scale.samples import texts
from rai_scale.samples.marked import Marked, join, whole
from rai_scale.samples.people import People, Person, Pools

Row = dict[str, Any]

# Shares are literal numbers here, because they define the data.
# ruff: noqa: PLR2004

NEWEST = datetime(2025, 6, 30, tzinfo=UTC)
MONTHS = ("2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-06")
DIAGNOSES = (
    *("Type 2 diabetes", "Essential hypertension", "Acute bronchitis", "Crohn's disease"),
    *("Parkinson's disease", "Migraine without aura", "Sprained ankle"),
)
RACES = (("White", 0.58, 0.0), ("Black", 0.17, 0.7), ("Hispanic", 0.15, 0.5), ("Asian", 0.1, 0.1))
AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
KINDS = ("page_view", "page_view", "login", "form", "purchase", "chat")


@dataclass(frozen=True)
class World:
    """The people and pools from which all row functions draw."""

    rows: int
    people: People
    pools: Pools

    def someone(self, rng: Random) -> tuple[int, Person]:
        """Return the number and the person of a random customer."""
        number = rng.randrange(self.rows)
        return number, self.people[number]


def customer(i: int, world: World, rng: Random) -> Row:
    """Make customer ``i``, in the order of signup. The newest month has an additional column."""
    person = world.people[i]
    month = MONTHS[-1 - (world.rows - 1 - i) * len(MONTHS) // world.rows]
    signup = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
    row = {
        "customer_id": customer_id(i),
        "full_name": _full_name(person, rng),
        "email": _sometimes_empty(whole("EMAIL_ADDRESS", person.email), rng),
        "phone": _sometimes_empty(_phone(person.phone, rng), rng, "N/A"),
        "street_address": whole("LOCATION", person.street),
        "city": whole("LOCATION", person.city),
        "country": whole("LOCATION", person.country),
        "date_of_birth": whole("DATE_TIME", person.birth.isoformat()),
        "ssn": whole("US_SSN", person.ssn) if rng.random() < 0.6 else None,
        "newsletter": rng.choice((True, False, False, None)),
        "balance": Decimal(rng.randrange(-50_000, 900_000)).scaleb(-2),
        "notes": _customer_note(person, rng),
        "signed_up_at": signup + timedelta(seconds=rng.randrange(28 * 86_400)),
        "signup_month": month,
    }
    if month == MONTHS[-1]:
        row["emergency_contact"] = _contact(person, rng)
    return row


def customer_id(number: int) -> str:
    """Return the key of a customer."""
    return f"C{number:07d}"


def support_ticket(i: int, world: World, rng: Random) -> Row:
    """Make ticket ``i``. One body of a small lake, and three of a large one, are very long."""
    number, person = world.someone(rng)
    share = 2 if world.rows <= 2000 else 4
    long = i in {world.rows * part // share for part in range(1, share)}
    return {
        "ticket_id": f"T{i:07d}",
        "customer_id": customer_id(number) if rng.random() < 0.95 else None,
        "opened_at": _moment(rng),
        "subject": texts.subject(person, rng),
        "body": texts.long_body(person, rng) if long else _body(person, rng),
        "channel": rng.choice(("email", "email", "chat", "phone")),
        "priority": rng.choice(("low", "normal", "normal", "normal", "high")),
    }


def card_payment(i: int, world: World, rng: Random) -> Row:
    """Make payment ``i``. Branch codes have leading zeros; merchants have commas and newlines."""
    _, person = world.someone(rng)
    holder = rng.choice((person.full, person.full.upper()))
    merchant = rng.choice(world.pools.companies)
    if rng.random() < 0.1:
        merchant += "\nAttn. accounts, floor 3"
    return {
        "payment_id": f"P{i:07d}",
        "card_number": whole("CREDIT_CARD", texts.card(person.card, rng)),
        "cardholder": _sometimes_empty(whole("PERSON", holder), rng),
        "amount": f"{rng.randrange(100, 90_000) / 100:.2f}",
        "currency": rng.choice(("USD", "USD", "EUR", "GBP")),
        "iban": whole("IBAN_CODE", person.iban) if rng.random() < 0.7 else "",
        "merchant": merchant,
        "branch_code": f"{rng.randrange(1000):05d}",
        "paid_at": _moment(rng).strftime("%Y-%m-%d %H:%M:%S"),
    }


def clinic_visit(i: int, world: World, rng: Random) -> Row:
    """Make visit ``i``: identifiers, quasi-identifiers and a note of 1 to 4 sentences."""
    _, person = world.someone(rng)
    provider = rng.choice(world.pools.names["latin"][1])
    template = rng.choice((("Dr. ", ""), ("", " MD"), ("", "")))
    return {
        "visit_id": f"V{i:07d}",
        "patient_name": whole(
            "PERSON", rng.choice((person.full, f"{person.last}, {person.first}"))
        ),
        "birth_date": whole("DATE_TIME", person.birth.isoformat(), person.birth),
        "sex": rng.choice(("F", "M", "F", "M", None)),
        "zip": f"{rng.randrange(501, 99_951):05d}",
        "diagnosis": rng.choice(DIAGNOSES),
        "doctor_note": texts.note(texts.DOCTOR_NOTES, rng.randint(1, 4), person, rng),
        "provider": _around(template[0], provider, template[1]),
        "visited_at": _moment(rng),
    }


def loan_decision(i: int, world: World, rng: Random) -> Row:
    """Make application ``i``. Some groups have lower scores at the same ability to repay."""
    _, person = world.someone(rng)
    race, _, bias = rng.choices(RACES, [share for _, share, _ in RACES])[0]
    sex = rng.choice(("Female", "Male"))
    ability = rng.gauss(0.8, 1.2)
    penalty = bias + (0.35 if sex == "Female" else 0.0)
    score = _logistic(ability + rng.gauss(0.0, 0.5) - penalty)
    return {
        "application_id": f"L{i:07d}",
        "sex": sex,
        "race": race,
        "age_group": rng.choice(AGES),
        "income": math.nan if rng.random() < 0.03 else round(rng.lognormvariate(10.8, 0.5), 2),
        "approved": int(score > 0.6),
        "repaid": int(rng.random() < _logistic(ability)),
        "score": round(score, 6),
        "applicant_email": _sometimes_empty(whole("EMAIL_ADDRESS", person.email), rng),
    }


def web_event(i: int, world: World, rng: Random) -> Row:
    """Make event ``i``, a nested row; ``payload.value`` is a number in some, a string in others."""
    number, person = world.someone(rng)
    known = rng.random() < 0.8
    kind = rng.choice(KINDS)
    return {
        "event_id": f"E{i:07d}",
        "ts": _moment(rng).isoformat(),
        "kind": kind,
        "user": {
            "id": customer_id(number) if known else None,
            "email": whole("EMAIL_ADDRESS", person.email) if known else None,
            "ip": whole("IP_ADDRESS", person.ip),
        },
        "payload": {
            "value": rng.choice((rng.randrange(100), str(rng.randrange(100)), "n/a")),
            **_payload(kind, person, rng),
        },
    }


def letter(i: int, world: World, rng: Random) -> Row:
    """Make letter ``i``; the key is the name of its file."""
    return {"file": f"letter_{i:04d}.txt", "text": texts.letter(world.someone(rng)[1], rng)}


def product(i: int, world: World, rng: Random) -> Row:
    """Make product ``i``, which has no personal data."""
    name = f"{rng.choice(texts.PRODUCTS)} {rng.choice(('small', 'medium', 'large'))}"
    return {
        "sku": f"SKU-{i:05d}",
        "name": name,
        "category": rng.choice(("kitchen", "garden", "office")),
        "price": f"{rng.randrange(300, 9000) / 100:.2f}",
        "in_stock": rng.randrange(500),
        "description": f"A {name}, dishwasher safe.",
    }


def _payload(kind: str, person: Person, rng: Random) -> Row:
    if kind == "login":
        return {"success": rng.random() < 0.9, "device": {"os": "linux", "trusted": None}}
    if kind == "page_view":
        return {"path": f"/products/SKU-{rng.randrange(100):05d}", "tags": ["new", "sale"]}
    if kind == "form":
        phone = {"name": "phone", "value": _phone(person.phone, rng)}
        return {"fields": [phone, {"name": "agree", "value": "yes"}]}
    if kind == "purchase":
        ship_to = {
            "name": whole("PERSON", person.full),
            "street": whole("LOCATION", person.street),
            "city": whole("LOCATION", person.city),
        }
        item = {"sku": f"SKU-{rng.randrange(100):05d}", "quantity": rng.randint(1, 3)}
        return {"items": [item] * rng.randint(1, 2), "ship_to": ship_to}
    return {
        "messages": [
            {"from": "customer", "text": texts.sentence(person, rng, 0.5)},
            {"from": "agent", "text": "Thanks, we will look into it."},
        ]
    }


def _full_name(person: Person, rng: Random) -> Marked:
    draw = rng.random()
    if draw < 0.05:
        return whole("PERSON", person.full.lower())
    if draw < 0.08:
        return _around(" ", person.full, "  ")
    if draw < 0.13:
        return _around("Dr. ", person.full, "")
    return whole("PERSON", person.full)


def _around(before: str, name: str, after: str) -> Marked:
    span = ("PERSON", len(before), len(before) + len(name))
    return Marked(f"{before}{name}{after}", (span,))


def _phone(number: str, rng: Random) -> Marked:
    return whole("PHONE_NUMBER", texts.phone(number, rng))


def _sometimes_empty(cell: Marked, rng: Random, empty: str = "") -> Marked | str | None:
    draw = rng.random()
    return None if draw < 0.03 else empty if draw < 0.05 else cell


def _contact(person: Person, rng: Random) -> Marked:
    return join([whole("PERSON", person.contact), _phone(person.contact_phone, rng)])


def _customer_note(person: Person, rng: Random) -> Marked | None:
    if rng.random() < 0.9:
        return None
    return texts.note(texts.CUSTOMER_NOTES, 1, person, rng)


def _body(person: Person, rng: Random) -> Marked | str | None:
    draw = rng.random()
    if draw < 0.03:
        return None
    return rng.choice(("", "nan", "   ")) if draw < 0.06 else texts.body(person, rng)


def _moment(rng: Random) -> datetime:
    return NEWEST - timedelta(seconds=rng.randrange(180 * 86_400))


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))
