"""The labelled table of 30 columns with headers of one language at a time."""

from __future__ import annotations

import pytest

from tests.capabilities.labelled_table import COLUMNS, DIRECT, OTHERS, labelled
from tests.capabilities.scan_lake import scan

HEADERS = {
    "email": ("email_address", "E-Mail-Adresse", "adresse électronique"),
    "phone": ("Phone Number", "Rufnummer", "numéro de téléphone"),
    "name": ("full_name", "Vor- und Nachname", "Nom complet"),
    "given": ("firstName", "Vorname", "prénom"),
    "iban": ("iban", "IBAN", "code IBAN"),
    "card": ("card_number", "Kartennummer", "numéro de carte"),
    "ssn": ("social_security_number", "Sozialversicherungsnummer", "numéro de sécurité sociale"),
    "ip": ("ip", "IP-Adresse", "adresse IP"),
    "contact": ("contact_email", "Kontakt-E-Mail", "courriel"),
    "mobile": ("mobile", "Mobilnummer", "téléphone portable"),
    "contact_name": ("contact_person", "Ansprechpartner", "personne à contacter"),
    "street": ("Address", "Anschrift", "adresse postale"),
    "gender": ("gender", "Geschlecht", "sexe"),
    "age": ("age", "Alter", "âge"),
    "born": ("cohort_code", "Jahrgangscode", "code de cohorte"),
    "job": ("occupation", "Beruf", "profession"),
    "marital": ("marital_status", "Familienstand", "situation familiale"),
    "diagnosis": ("diagnosis", "Diagnose", "diagnostic"),
    "drug": ("medication", "Medikament", "médicament"),
    "pay": ("salary", "Gehalt", "salaire"),
    "key": ("api_key", "API-Schlüssel", "clé API"),
    "word": ("password", "Passwort", "mot de passe"),
    "amount": ("amount", "Betrag", "montant"),
    "quantity": ("quantity", "Menge", "quantité"),
    "status": ("status", "Status", "statut"),
    "size": ("item_size", "Artikelgröße", "taille"),
    "code": ("item_number", "Artikelnummer", "référence article"),
    "flag": ("newsletter", "Newsletter-Anmeldung", "inscription newsletter"),
    "score": ("rating", "Bewertung", "note"),
    "hash": ("checksum", "Prüfsumme", "somme de contrôle"),
}


@pytest.mark.full
@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_eleven_of_twelve_direct_identifiers_and_none_of_the_others(language):
    assert set(HEADERS) == set(COLUMNS)
    table, keys = labelled(neutral=False)
    names = [HEADERS[keys[name]][("en", "de", "fr").index(language)] for name in table.schema.names]
    result = scan({"t": table.rename_columns(names)}).tables[0]
    found = dict(zip(keys.values(), result.columns, strict=True))
    first = {key: column.findings[0] for key, column in found.items() if column.findings}
    wrong = {
        key: key in first and (first[key].entity, first[key].verdict)
        for key, (_, entity, _) in DIRECT.items()
        if key not in first or (first[key].entity, first[key].verdict) != (entity, "personal")
    }
    assert len(wrong) <= 1, wrong
    personal = [key for key in OTHERS if any(f.verdict == "personal" for f in found[key].findings)]
    assert personal == []
