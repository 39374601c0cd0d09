"""The sentences of which free text is made. ``texts.py`` defines the ``{slots}``."""

SUBJECTS = (
    *("Cannot log in", "Refund request", "Where is my order?", "Invoice question"),
    *("Change of address", "App crashes on start", "Subscription renewal", "Damaged parcel"),
    *("Password reset", "Feedback", "nan", ""),
)
PERSONAL_SUBJECTS = (
    "Call back {name}",
    "Fwd: account of {email}",
    "order {order} - {lower_name}",
    "{last}: address change",
)

PLAIN = (
    "The parcel for order {order} arrived with a torn label.",
    "I was charged {amount} twice and would like one of them back.",
    "Your app closes as soon as I open the settings page, build {version}.",
    "Please cancel the {product} and keep the rest of the order.",
    "Nothing has happened since {day}, and the status page still says pending.",
    "thanks in advance!!",
    "The reference on the receipt is {order}; the amount is {amount}.",
    "We ordered {quantity} of the {product}, item {sku}, and got half of them.",
    "Is there a discount for schools?",
    "The manual says to hold the button for ten seconds, which does nothing.",
    "I already tried another browser and a private window.",
    "The driver left it with the Amazon locker near the Ford dealership.",
    "Can someone look at ticket {order} again?",
    "It worked fine until the update to version {version}.",
    "The colour is nothing like the picture on the site.",
    "N/A",
    "Great service so far, keep it up.",
    "The code on the voucher, {badcard}, is refused at checkout.",
    "Do you deliver before Christmas?",
    "The lamp flickers; the {product} next to it does not.",
    "My tracking page has shown the same warehouse for {quantity} days.",
    "Serial no. {serial}, bought for {amount}.",
    "error 0x{serial} when saving, then a blank page",
    "Jordan shoes are listed under kitchen, please check the catalogue.",
)

PERSONAL = (
    "My name is {name} and my email is {email}.",
    "This is {name}, you can reach me at {phone} after five.",
    "hi, {lower_name} here - still no answer",
    "Please send the refund to card {card}.",
    "I moved to {street} in {city} last month.",
    "Regards,\n{name}",
    "The account holder is {upper_last}, {first}.",
    "Call me on {phone} or write to {email}, whichever is quicker.",
    "My IBAN is {iban}, please use that one.",
    "Somebody logged in from {ip} and it was not me.",
    "Dr. {last} told me to ask for {other}.",
    "For verification: born {dob}, social security number {ssn}.",
    "I spoke with {other} ({other_phone}) about this.",
    "Ship it to {street}, {city}, and leave it with my neighbour {other}.",
    "{first}'s account was closed by mistake.",
    "cc: {email}; {other}",
    "Contact=<{email}>,phone={phone},ip={ip}",
    "You find my profile at {url} if you doubt who I am.",
    "My husband,{other},signed for it.",
    "SSN {ssn} is what your form asked for, is that normal?",
    "Mrs. {double_last} says the card ending is wrong, the full one is {card}.",
    "i live in {city} so pickup is fine",
    "Login failed for user {email} at host {ip}.",
    "Payment by {name}/{iban}, see attached.",
    "My date of birth is {dob}, not what you have on file.",
    '"{name}" is how it should be spelled on the invoice.',
    "Who is {other} and why is she on my account?",
    "tel.{phone}",
)

# A log of fixed width, pasted into a ticket: long, but with few words, so that a language model
# needs only seconds.
LOG = (
    *("{padding}",) * 12,
    "debug: nothing to do, waiting for the queue.",
    "warning: the cache is cold and will be filled on demand.",
    "retrying the request because the connection was closed by the peer.",
    "the page was rendered without errors and sent to the browser.",
    "settings were read from disk and are used as they are.",
    "the session token is missing, so the user is asked to sign in again.",
    "closing the file after all lines were written.",
    "image was resized and stored in the background.",
)

NATIVE = {
    "cyrillic": (
        "Здравствуйте, меня зовут {name}, заказ не пришёл.",
        "Мой телефон {phone}, почта {email}.",
    ),
    "chinese": (
        "您好,我是{name},订单还没有收到。",
        "请联系{name},邮箱 {email} 。",
    ),
    "arabic": (
        "مرحبا، اسمي {name} ولم يصل الطلب بعد.",
        "يرجى الكتابة إلى {email} أو الاتصال بـ {name}.",
    ),
    "greek": (
        "Καλησπέρα, ονομάζομαι {name} και περιμένω ακόμη.",
        "Το τηλέφωνό μου είναι {phone}, ρωτήστε για {name}.",
    ),
}

CUSTOMER_NOTES = (
    "Prefers to be called {first}.",
    "spoke to {other}, will pay next week",
    "VIP",
    "Do not call before noon.",
    "Moved in with {other}, new number {other_phone}",
)

DOCTOR_NOTES = (
    "{name} presents with a cough for {quantity} days.",
    "Pt {last} denies chest pain; BP {pressure}.",
    "Patient (DOB {dob}) tolerated the procedure well.",
    "Discussed results with {other}, the patient's spouse, at {phone}.",
    "No acute distress. Lungs clear.",
    "Family history of Parkinson's disease and Crohn's disease.",
    "Continue metformin 500 mg twice daily, follow up in {quantity} weeks.",
    "Mr./Ms. {last} asks that letters go to {street}, {city}.",
    "Referred to Dr. {other_last} for imaging.",
    "BP {pressure}, HR 72, afebrile.",
    "Insurance lists SSN {ssn}; copy sent to {email}.",
    "{first} will call if symptoms return.",
)

LETTER = (
    "{name}\n{street}\n{city}",
    "Re: your account {order}",
    "Dear {name},",
    "thank you for your call. We confirm your telephone number {phone} and the address {email}.",
    "Your card {card} was charged {amount}. The balance of {iban} is not affected.",
    "If you did not sign in from {ip}, please tell {other} at once.",
    "Yours sincerely,\n{other}",
)
