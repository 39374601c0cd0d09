"""Synthetic people: pools that are drawn once from Faker, and one person per number."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

NATIVE_LOCALES = {"cyrillic": "ru_RU", "chinese": "zh_CN", "arabic": "ar_AA", "greek": "el_GR"}
ACCENTED_LOCALES = ("de_DE", "fr_FR", "es_ES", "vi_VN", "it_IT")
IBAN_LOCALES = ("de_DE", "en_GB", "fr_FR", "es_ES", "it_IT", "nl_NL")
US_AREAS = (
    *(206, 212, 213, 214, 301, 303, 305, 312, 313, 404, 412, 415, 503, 512, 602, 617),
    *(702, 773),
)
CARD_STARTS = (("4", 16), ("4", 16), ("51", 16), ("53", 16), ("6011", 16), ("37", 15))
DOMAINS = ("example.com", "example.net", "example.org", "mail.example.com", "post.example.org")
ELSEWHERE = ("Germany", "France", "Spain", "Viet Nam", "Italy", "Canada", "Greece", "Poland")


@dataclass(frozen=True)
class Person:
    """One synthetic person; every attribute is a string except the date of birth."""

    first: str
    last: str
    full: str
    script: str
    email: str
    phone: str
    street: str
    city: str
    country: str
    birth: date
    ssn: str
    card: str
    iban: str
    ip: str
    url: str
    contact: str
    contact_phone: str


@dataclass(frozen=True)
class Pools:
    """Names, streets and numbers that Faker draws once, in a fixed order."""

    names: dict[str, tuple[list[str], list[str]]]
    streets: list[str]
    cities: list[str]
    companies: list[str]
    ibans: list[str]


def make_pools(seed: int) -> Pools:
    """Draw the pools with Faker.

    Raises
    ------
    MissingExtraError
        If Faker is not installed.
    """
    from faker import Faker

    def speaker(locale: str) -> Any:
        fake = Faker(locale)
        fake.seed_instance(seed)
        return fake

    us = speaker("en_US")
    names = {"latin": (_draw(us.first_name, 500), _draw(us.last_name, 900))}
    for script, locale in {
        **NATIVE_LOCALES,
        **{place: place for place in ACCENTED_LOCALES},
    }.items():
        fake = speaker(locale)
        names[script] = (_draw(fake.first_name, 80), _draw(fake.last_name, 80))
    return Pools(
        names=names,
        streets=_draw(us.street_address, 1500),
        cities=_draw(us.city, 400),
        companies=_draw(us.company, 250),
        ibans=[iban for place in IBAN_LOCALES for iban in _draw(speaker(place).iban, 80)],
    )


def _draw(make: Callable[[], str], count: int) -> list[str]:
    return list(dict.fromkeys(make() for _ in range(count)))


class People:
    """``people[i]`` is the same person for the same seed; people are not kept in memory."""

    def __init__(self, seed: int, pools: Pools) -> None:
        self._seed = seed
        self._pools = pools

    def __getitem__(self, number: int) -> Person:
        rng = Random(f"person/{self._seed}/{number}")  # noqa: S311
        first, last, full, script = self._name(rng)
        handle = _handle(first, last, number, rng)
        relative = rng.choice(self._pools.names["latin"][0])
        surname = last if script == "latin" else rng.choice(self._pools.names["latin"][1])
        return Person(
            first=first,
            last=last,
            full=full,
            script=script,
            email=f"{handle}@{rng.choice(DOMAINS)}",
            phone=_phone(rng),
            street=rng.choice(self._pools.streets),
            city=rng.choice(self._pools.cities),
            country="United States" if rng.random() < 0.8 else rng.choice(ELSEWHERE),  # noqa: PLR2004
            birth=date(1935, 1, 1) + timedelta(days=rng.randrange(26_000)),
            ssn=_ssn(rng),
            card=_card(rng),
            iban=rng.choice(self._pools.ibans),
            ip=_ip(rng),
            url=f"https://www.linkedin.com/in/{handle.replace('.', '-').replace('+', '-')}",
            contact=f"{relative} {surname}",
            contact_phone=_phone(rng),
        )

    def _name(self, rng: Random) -> tuple[str, str, str, str]:
        draw = rng.random()
        if draw < 0.84:  # noqa: PLR2004
            source = "latin"
        elif draw < 0.94:  # noqa: PLR2004
            source = rng.choice(ACCENTED_LOCALES)
        else:
            source = rng.choice(tuple(NATIVE_LOCALES))
        firsts, lasts = self._pools.names[source]
        first, last = rng.choice(firsts), rng.choice(lasts)
        full = last + first if source == "chinese" else f"{first} {last}"
        return first, last, full, source if source in NATIVE_LOCALES else "latin"


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalnum())


def _handle(first: str, last: str, number: int, rng: Random) -> str:
    first, last = _ascii(first) or "user", _ascii(last) or "box"
    return rng.choice(
        (f"{first}.{last}{number}", f"{first[0]}{last}{number}", f"{last}.{first}+{number}")
    )


def _phone(rng: Random) -> str:
    """Return a number from a range that is reserved for fiction."""
    if rng.random() < 0.1:  # noqa: PLR2004
        return f"+44 20 7946 0{rng.randrange(1000):03d}"
    return f"{rng.choice(US_AREAS)}-555-01{rng.randrange(100):02d}"


def _ssn(rng: Random) -> str:
    area = rng.choice([rng.randrange(100, 666), rng.randrange(667, 900)])
    return f"{area}-{rng.randrange(1, 100):02d}-{rng.randrange(1, 10_000):04d}"


def _card(rng: Random) -> str:
    from faker.utils.checksums import calculate_luhn

    start, length = rng.choice(CARD_STARTS)
    rest = length - len(start) - 1
    partial = start + str(rng.randrange(10**rest)).zfill(rest)
    return f"{partial}{calculate_luhn(int(partial))}"


def _ip(rng: Random) -> str:
    if rng.random() < 0.05:  # noqa: PLR2004
        return "2001:db8:" + ":".join(f"{rng.randrange(4096, 65536):x}" for _ in range(6))
    return ".".join(str(rng.randrange(*span)) for span in ((11, 223), (0, 256), (0, 256), (1, 255)))
