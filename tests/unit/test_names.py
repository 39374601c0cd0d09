"""What names of columns say, as a table of cases."""

from __future__ import annotations

import pytest

from rai_scale.pii.scanning.column_name_rules import entities_of_name

SAYS = {
    "EMAIL_ADDRESS": """email Email E-Mail e_mail customerEmail customer_email_address user.email
        emails items[].email email2 email_1 work_email email_work EMAIL_ADDR contact.mailId
        primaryEmail verified_email USER_EMAIL""",
    "PHONE_NUMBER": """phone Phone phone_number phoneNumber phone1 phones telephone tel tel_no mobile
        mobile_phone mobilePhoneNumber cell_phone cellphone fax home_phone phone_home contact_no
        contactNumber msisdn phone_e164 landline""",
    "US_SSN": "ssn SSN customer_ssn ssnNumber customerSSNNumber social_security_number SocialSec",
    "CREDIT_CARD": "card_number cardNumber creditCardNumber credit_card cc_num card_no pan",
    "IBAN_CODE": "iban IBAN customer_iban iban_number",
    "IP_ADDRESS": """ip ip_address ipAddress IPAddress client_ip src_ip remote_addr ipv4 ip_v6
        user.ip""",
    "PERSON": """first_name firstName last_name LastName full_name surname fname l_name customer_name
        CustomerName patient_name patient account_holder cardholder cardholder_name user_name
        username emergency_contact next_of_kin nick_name maidenName passenger_name""",
    "LOCATION": """address addresses address1 addressLine2 home_address homeAddress street
        street_address billing_address shippingAddress city town zip zip_code zipcode ZIP postcode
        postal_code latitude longitude lat lng payload.ship_to.street""",
    "DATE_TIME": "dob DOB patient_dob birth_date birthDate birthday date_of_birth born_on",
    "US_PASSPORT": "passport passport_no passportNumber",
    "US_DRIVER_LICENSE": "driver_license drivers_license_number drivingLicence dl_number",
    "US_BANK_NUMBER": "account_number bank_account_no acctNumber",
    "NRP": "race ethnicity religion nationality citizenship ethnic_group",
}

NOTHING = """
    is_email_verified email_verified emailVerified email_count n_emails num_phones number_of_phones
    has_phone no_email email_hash hashed_email email_domain email_opt_in email_template
    email_subject phone_type phone_model ip_ratio ip_count ip_country zip_file zipped vip ship tip
    clip script card_type card_last4 card_brand credit_card_type japan panel company
    hostname host_name filename file_name fileName table_name product_name company_name item_name
    event_name model_name domain_name display_name name description username_length
    doctor_note patient_id patient_count customer_id user_id contact_id provider provider_type
    home_page home_team shipping_cost billing_cycle street_view city_count capacity velocity
    race_condition race_id trace embrace raceway town_hall mac_address macAddress web_address
    url_address wallet_address merchant_city store_zip server_ip memory_address
    telemetry hotel motel cellar cancel excel mobile_app_version stillborn born_digital
    account_type account_name accountStatus passport_country ssn_valid flat slate platform
    template latency along hips ssnake birth_year Geburtsjahr
"""


@pytest.mark.parametrize(
    ("entity", "name"), [(entity, n) for entity, names in SAYS.items() for n in names.split()]
)
def test_names_that_tell(entity, name):
    assert entities_of_name(name) == (entity,)


@pytest.mark.parametrize("name", [*NOTHING.split(), "", "_", "日本", "姓名", "[]", "a.b[]"])
def test_names_that_say_nothing(name):
    assert entities_of_name(name) == ()


def test_the_last_part_of_a_path_speaks():
    assert entities_of_name("email.sent_at") == ()
    assert entities_of_name("user.contacts[].phone") == ("PHONE_NUMBER",)
    assert entities_of_name("user.emails[]") == ("EMAIL_ADDRESS",)
