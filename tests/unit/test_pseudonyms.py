"""Tokens and pseudonyms of single values."""

from __future__ import annotations

import base64
import hmac
import re
import zlib
from datetime import date, datetime
from hashlib import sha256

import phonenumbers
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from presidio_analyzer.predefined_recognizers import CreditCardRecognizer, IbanRecognizer

from rai_scale.errors import ConfigError
from rai_scale.pii.pseudonyms import base32
from rai_scale.pii.pseudonyms.keyed_hash import Pseudonymizer
from rai_scale.pii.pseudonyms.made_up_names import FAMILY, GIVEN
from rai_scale.pii.pseudonyms.person import NoPersonError
from rai_scale.pii.pseudonyms.tokens import (
    DamagedTokenError,
    MovedTokenError,
    Tokenizer,
    TokenRewriter,
    UnknownKeyError,
    WrongKeyError,
)

KEY, OTHER = "key-0123456789abcdef", "another-0123456789abcdef"
SECRET = "maria.garcia@example.org"
TEXTS = st.text() | st.text(st.characters(exclude_categories=()))  # lone surrogates too


def token_of(text: str = SECRET, entity: str = "EMAIL_ADDRESS", key: str = KEY, **more) -> str:
    return Tokenizer(key, "k1", more.pop("domain", "")).seal(text, entity, **more)


@given(st.lists(st.binary(max_size=9) | st.binary(min_size=40, max_size=43), max_size=60))
def test_many_rows_are_encoded_as_one_by_one(rows):
    assert base32.encode_all(rows) == [base32.encode(row) for row in rows]


@given(st.lists(TEXTS, max_size=30))
def test_many_tokens_are_those_of_one_by_one(texts):
    tokenizer = Tokenizer(KEY, "k1", "crm")
    assert tokenizer.seal_all(texts, "A") == [tokenizer.seal(text, "A") for text in texts]


@given(st.binary(min_size=1, max_size=700))
def test_base32_is_that_of_the_standard_library(data):
    text = base32.encode(data)
    assert text == base64.b32encode(data).decode().rstrip("=")
    assert base32.decode(text) == data


@pytest.mark.parametrize("text", ["A", "AAA", "AAAAAA", "AB"])
def test_what_is_not_base32(text):
    with pytest.raises(ValueError, match="not base32"):
        base32.decode(text)


@given(TEXTS, TEXTS, st.none() | st.text(), st.text(max_size=9))
def test_a_token_anywhere_in_a_text_gives_the_value_back(text, around, person, domain):
    token = token_of(text, domain=domain, person=person)
    assert token == token_of(text, domain=domain, person=person)
    rewrite = TokenRewriter({"k1": KEY}, domain, per=person is not None)
    around = around.replace("<", "(")
    assert rewrite(f"{around}{token}{token}{around}", person) == f"{around}{text}{text}{around}"


@pytest.mark.parametrize("text", ["", "x" * 100_000, "Jürgen 李小龙 🙂", "\x00"])
def test_texts_of_every_size(text):
    assert TokenRewriter({"k1": KEY})(token_of(text)) == text


def test_a_token_is_what_the_guide_describes():
    """Opened by ``cryptography`` alone."""
    token = token_of(domain="crm", person="c7")
    coded = token.removeprefix("<EMAIL_ADDRESS:k1:").removesuffix(">")
    whole = base64.b32decode(coded + "=" * (-len(coded) % 8))
    key = HKDF(SHA256(), 64, None, b"rai_scale tokenize 1").derive(KEY.encode())
    assert whole[:4] == hmac.digest(key, b"which key", sha256)[:4]
    assert whole[-4:] == zlib.crc32(whole[:-4]).to_bytes(4)
    bound = [b"EMAIL_ADDRESS\0k1\0crm", b"c7"]
    assert AESSIV(key).decrypt(whole[4:-4], bound) == b"\x01" + SECRET.encode()


@pytest.mark.parametrize(
    ("error", "text", "keys", "domain"),
    [
        (UnknownKeyError, token_of(), {"k2": KEY}, ""),
        (WrongKeyError, token_of(), {"k1": OTHER}, ""),
        (DamagedTokenError, token_of()[:-9] + ">", {"k1": KEY}, ""),
        (DamagedTokenError, token_of()[:-1], {"k1": KEY}, ""),
        (MovedTokenError, token_of().replace("EMAIL_ADDRESS", "PERSON"), {"k1": KEY}, ""),
        (MovedTokenError, token_of(), {"k1": KEY}, "other"),
        (MovedTokenError, token_of(person="c7"), {"k1": KEY}, ""),
    ],
)
def test_each_failure_is_an_error_of_its_own(error, text, keys, domain):
    with pytest.raises(error) as caught:
        TokenRewriter(keys, domain)(f"Dear {text}, hello")
    said = str(caught.value)
    assert SECRET not in said
    assert text.split(":")[2][:12] not in said
    assert "k1" in said


def test_any_flipped_bit_is_noticed():
    head, _, coded = token_of().rpartition(":")
    rewrite = TokenRewriter({"k1": KEY})
    for place, letter in enumerate(coded):
        for bit in range(7):
            flipped = coded[:place] + chr(ord(letter) ^ 1 << bit) + coded[place + 1 :]
            with pytest.raises(DamagedTokenError):
                rewrite(f"{head}:{flipped}")


def test_a_token_of_a_person_needs_the_person():
    with pytest.raises(NoPersonError):
        TokenRewriter({"k1": KEY}, per=True)(token_of(person="c7"))
    assert TokenRewriter({"k1": KEY}, per=True)("no token") == "no token"


def test_what_only_looks_like_a_token_stays():
    text = "<b>bold</b> <a:b:c> <at:10:30> <PERSON> a < b <EMAIL_ADDRESS:k9:SHORT>"
    assert TokenRewriter({"k1": KEY})(text) == text


def test_a_rotated_token_is_that_of_the_new_key():
    rewrite = TokenRewriter({"k1": KEY, "k2": OTHER}, "crm", to="k2")
    old, new = Tokenizer(KEY, "k1", "crm"), Tokenizer(OTHER, "k2", "crm")
    expected = new.seal(SECRET, "EMAIL_ADDRESS")
    assert rewrite(old.seal(SECRET, "EMAIL_ADDRESS")) == expected
    assert rewrite(expected) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tokenizer("short-secret", "k1"), "at least 16 bytes"),
        (lambda: Tokenizer(KEY, "k 1"), "key_id must have"),
        (lambda: Tokenizer(KEY, "k1").seal("x", "MY ENTITY"), "cannot be part of a token"),
        (lambda: TokenRewriter({}), "at least one key"),
        (lambda: TokenRewriter({"k1": KEY}, to="k2"), "'k2' is not one of the keys: k1"),
        (lambda: Pseudonymizer(KEY, "k1", shape="valu"), "shape must be"),
        (lambda: Pseudonymizer(KEY, "k1", normalize=["nfd"]), "there is no step 'nfd'"),
        (lambda: Pseudonymizer(KEY, "k1", normalize="nfd"), "there is no step 'nfd'"),
    ],
)
def test_invalid_arguments(make, message):
    with pytest.raises(ConfigError, match=message) as caught:
        make()
    assert "short-secret" not in str(caught.value)


# ---------------------------------------------------------------- pseudonyms


def pseudonym(text: str, entity: str, person: str | None = None, **options) -> str:
    return Pseudonymizer(**{"key": KEY, "key_id": "k1", **options}).of(text, entity, person)


def test_a_pseudonym_depends_on_all_that_it_should():
    seen = {
        pseudonym("Anna", "PERSON"),
        pseudonym("anna", "PERSON"),
        pseudonym("Anna", "LOCATION"),
        pseudonym("Anna", "PERSON", "c7"),
        pseudonym("Anna", "PERSON", domain="crm"),
        pseudonym("Anna", "PERSON", key=OTHER),
    }
    assert len(seen) == 6
    assert pseudonym("Anna", "PERSON") == pseudonym("Anna", "PERSON")


@given(TEXTS, st.none() | TEXTS, st.text(max_size=5))
def test_a_pseudonym_is_an_hmac_of_its_parts(text, person, domain):
    def sized(part):
        raw = part.encode("utf-8", "surrogatepass")
        return b"%d:%b" % (len(raw), raw)

    secret = hmac.digest(KEY.encode(), b"rai_scale pseudonym 1", sha256)
    owner = b"-" if person is None else sized(person)
    parts = sized(domain) + sized("PERSON") + owner + text.encode("utf-8", "surrogatepass")
    letters = base64.b32encode(hmac.digest(secret, parts, sha256)[:15]).decode()
    assert pseudonym(text, "PERSON", person, domain=domain) == f"<PERSON#k1:{letters}>"


def test_normalised_texts_have_one_pseudonym():
    both = ["JÜRGEN", "ju\u0308rgen"]
    made = {pseudonym(text, "PERSON", normalize=["nfc", "casefold"]) for text in both}
    assert len(made) == 1
    assert len({pseudonym(text, "PERSON", normalize=["nfc"]) for text in both}) == 2


@given(st.integers(0, 10**16 - 1), st.sampled_from(["{:016d}", "{:012d}"]))
def test_cards_are_valid_and_of_no_issuer(number, form):
    card = pseudonym(form.format(number)[:19], "CREDIT_CARD", shape="value")
    assert CreditCardRecognizer().validate_result(card)
    assert card[0] == "9"


@pytest.mark.parametrize("written", ["{0}", "{0} {1}", "Dr. {0}-{1}", "{0}, {1}'s son"])
def test_no_word_of_a_name_is_in_its_made_up_name(written):
    for first in GIVEN:
        for last in FAMILY[::10]:
            text = written.format(first, last)
            made = pseudonym(text, "PERSON", shape="value").split()
            assert not set(made) & set(re.findall(r"\w+", text))


def test_texts_that_are_normalized_alike_have_one_made_up_name():
    for name in GIVEN:
        wide = "".join(chr(ord(letter) + 0xFEE0) for letter in name)
        texts = (name, wide, f" {name}")
        options = {"shape": "value", "normalize": ["nfkc", "casefold", "strip"]}
        assert len({pseudonym(text, "PERSON", **options) for text in texts}) == 1


@pytest.mark.parametrize(
    "account", ["DE89 3704 0044 0532 0130 00", "GB33BUKB20201555555555", "NL91ABNA0417164300"]
)
def test_accounts_are_valid_and_of_the_country(account):
    made = pseudonym(account, "IBAN_CODE", shape="value")
    assert IbanRecognizer().validate_result(made)
    assert made != account
    assert [c.isspace() for c in made] == [c.isspace() for c in account]
    assert made[:2] == account[:2]


@given(
    st.sampled_from(
        [
            "(415) 555-{:04d}",
            "415.555.{:04d}",
            "+44 20 7946 {:04d}",
            "+33 1 2345 {:04d}",
            "+49 30 {:04d}",
        ]
    ),
    st.integers(0, 9999),
)
def test_telephone_numbers_are_valid(form, number):
    made = pseudonym(form.format(number), "PHONE_NUMBER", shape="value")
    assert phonenumbers.is_valid_number(phonenumbers.parse(made, "US")), made


@given(
    st.lists(st.dates(date(1902, 1, 1), date(2100, 1, 1)), min_size=2, max_size=5),
    st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%m/%d/%Y", "%d.%m.%Y", "%B %d, %Y", "%Y/%m/%d"]),
    st.text(min_size=1),
)
def test_dates_of_a_person_keep_their_intervals(dates, form, person):
    made = [
        datetime.strptime(pseudonym(d.strftime(form), "DATE_TIME", person, shape="value"), form)
        for d in dates
    ]
    shifts = {new.date() - old for new, old in zip(made, dates, strict=True)}
    assert len(shifts) == 1
    assert 1 <= abs(shifts.pop().days) <= 365


def test_without_a_person_each_date_has_a_shift_of_its_own():
    days = [f"2020-01-{day:02d}" for day in range(1, 31)]
    made = [pseudonym(day, "DATE_TIME", shape="value") for day in days]
    shifts = {
        date.fromisoformat(m) - date.fromisoformat(d) for m, d in zip(made, days, strict=True)
    }
    assert len(shifts) > 20
    one = pseudonym("2020-01-05 10:20:30.5+02:00", "DATE_TIME", shape="value")
    assert one.endswith(" 10:20:30.5+02:00")


@pytest.mark.parametrize(
    ("entity", "text", "form"),
    [
        ("EMAIL_ADDRESS", "a@b.org", r"[a-z2-7]{16}@example\.(com|net|org)"),
        ("URL", "http://a.b", r"https://www\.example\.(com|net|org)/[a-z2-7]{16}"),
        ("IP_ADDRESS", "10.1.2.3", r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+"),
        ("IP_ADDRESS", "fe80::1", r"2001:db8(:[0-9a-f]{1,4}){6}"),
        ("US_SSN", "078-05-1120", r"666-\d\d-\d{4}"),
        ("PERSON", "ANNA SMITH", r"[A-Z]+ [A-Z]+"),
        ("PERSON", "Dr. Anna B. Smith", r"[A-Z][a-z]+ [A-Z][a-z]+ [A-Z][a-z]+"),
        ("PERSON", "anna", r"[a-z]+"),
        ("DATE_TIME", "last Tuesday", r"<DATE_TIME#k1:[A-Z2-7]{24}>"),
        ("DATE_TIME", "2020-13-45", r"<DATE_TIME#k1:[A-Z2-7]{24}>"),
        ("CREDIT_CARD", "1234 5678 901", r"<CREDIT_CARD#k1:[A-Z2-7]{24}>"),
        ("CREDIT_CARD", "\u0664111-1111-1111-1111", r"9\d{3}-\d{4}-\d{4}-\d{4}"),
        ("IBAN_CODE", "de89 3704 0044 0532 0130 00", r"DE\d\d( \d{4}){4} \d\d"),
        ("IBAN_CODE", "DE89\u00df7040044", r"<IBAN_CODE#k1:[A-Z2-7]{24}>"),
        ("DATE_TIME", "2020-W01-1", r"<DATE_TIME#k1:[A-Z2-7]{24}>"),
        ("DATE_TIME", "9999-12-31T10:00:00Z", r"9999-\d\d-\d\dT10:00:00Z|<DATE_TIME.*>"),
        ("IP_ADDRESS", "10.1.2", r"<IP_ADDRESS#k1:[A-Z2-7]{24}>"),
        ("NRP", "Dutch", r"<NRP#k1:[A-Z2-7]{24}>"),
    ],
)
def test_made_up_values_have_the_form_of_their_kind(entity, text, form):
    assert re.fullmatch(form, pseudonym(text, entity, shape="value"))
