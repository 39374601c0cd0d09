"""Patterns of postal addresses in English texts, also of addresses in other countries.

Where a capital letter distinguishes a name from a word, case counts (``(?-i:...)``), although
Presidio compiles patterns without regard to case. All repetitions of words are bounded.
"""

from __future__ import annotations

CAP = r"(?-i:\p{Lu}\p{L}{0,2}\.|\p{Lu}[\p{L}\p{M}'’-]*(?:\.\p{L}[\p{L}\p{M}'’-]*)?)"
"""A word that begins with a capital letter; a dot ends only a short one, as in "St."."""
GAP = r"[ \t]+"
MONTHS = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sep(?:t(?:ember)?)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_PARTICLE = (
    r"(?-i:de|del|della|der|den|di|da|do|dos|du|la|le|les|los|of|the|van|von|zu|am|an|im|y|e)"
)
_NUMBER = r"\d{1,6}(?-i:[A-Za-z])?(?:[-/]\d{1,4}(?-i:[A-Za-z])?)?"
_STATE = r"(?-i:[A-Z]{2,3})"
_BETWEEN = r"[\s,;>|?*]+"

_LAST_WORD = (
    r"(?:Street|St|Avenue|Ave|Av|Road|Rd|Drive|Dr|Lane|Ln|Court|Ct|Place|Pl|Terrace|Ter|Way|Circle"
    r"|Cir|Boulevard|Blvd|Parkway|Pkwy|Highway|Hwy|Square|Sq|Trail|Trl|Alley|Row|Close|Crescent"
    r"|Cres|Gardens|Gdns|Grove|Hill|Mews|Mall|Park|Parade|Esplanade|Quay|Walk|Wharf|Rise|View|Vale"
    r"|Green|Gate|Bridge|Broadway|Plaza|Pike|Turnpike|Route|Loop|Run|Path|Crossing|Extensions?"
    r"|Parks|Coves?|Pass|Ridge|Point|Heights|Meadows?|Manor|Isle|Island|Station|Fields?|Streets"
    r"|Spur|Bypass|Summit|Union)"
)
"""The last word of an English street."""
_ENDING = (
    r"(?:stra(?:ss|ß)e|str|weg|gasse|platz|allee|damm|ufer|steig|chaussee|gatan?|gate|vägen"
    r"|väg|vegen|veg|veien|vei|vej|gade|all[eé]en?|torv|plads|stræde|stien|gränd|backe|katu|tie"
    r"|kuja|polku|puistikko|straat|laan|plein|kade|gracht|dijk|singel|dreef|hof|braut|gata|vegur"
    r"|stígur|utca|kapu|tér|körút|fasor)"
)
"""The end of a street in languages that write it as one word."""
_FIRST_WORD = (
    r"(?:Rue|rue|Avenue|Boulevard|Bd|Allée|Place|Quai|Impasse|Chemin|Route|Cours|Square|Via|Viale"
    r"|Piazza|Piazzale|Corso|Vicolo|Largo|Strada|Contrada|Calle|C/|Avenida|Avda\.?|Av\.|Plaza"
    r"|Paseo|Camino|Carretera|Carrera|Ronda|Travesía|Urb\.?|Rua|Rúa|Praça|Travessa|Estrada|Alameda"
    r"|Carrer|Ulica|ul\.|Aleja|al\.|Ulitsa|Prospekt|Náměstí|Nám\.|Třída|Str\.|Bulevardul|Calea|Am"
    r"|An der|Im|Auf|Zum|Zur|Jalan|Jl\.|Sokak|Caddesi|Odos|Akti|Plateia|Leoforos|Laan van)"
)
"""The first word of a street in languages that write it there."""

_UNIT = (
    r"(?:(?:Apt|Apartment|Suite|Ste|Unit|Flat|Room|Rm|Floor|Fl|Bldg|Building|Box|PMB|Lot|Block)\b"
    r"\.?\s*(?:no\.?\s*)?\#?\s*(?:\d{1,6}(?-i:[A-Za-z])?|(?-i:[A-Z])\d{0,4})\b)"
)
_UK = r"(?-i:[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2})"
_CANADA = r"(?-i:[ABCEGHJ-NPRSTVXY]\d[A-Z][ -]?\d[A-Z]\d)"
_CODE = rf"(?:\d{{4,6}}(?:-\d{{3,4}})?|\d{{3}}[ ]\d{{2}}|{_UK}|{_CANADA})"
_PLACES = rf"(?:{_BETWEEN}(?:{CAP}|{_PARTICLE}|nan|\(|\d{{2}}(?!\d))\)?){{0,8}}"
_UNCODED = rf"(?:,?[ \t]*\n?[\s>|?*]*{CAP}\)?){{1,5}}(?=[.,;?!]|\s*(?:\n|$)|{GAP}and\b)"
"""Town and country without a postcode: a punctuation mark or the line ends them."""
_TAIL = (
    rf"(?:(?:{_BETWEEN}{_UNIT})?{_PLACES}{_BETWEEN}{_CODE}\b(?:{_BETWEEN}(?:USA|U\.S\.A\.|UK))?"
    rf"|{_BETWEEN}{_UNIT}(?:{_UNCODED})?"
    rf"|,\s{{1,3}}{_CODE}{GAP}(?:(?-i:[A-Z]{{2}}){GAP})?{CAP}(?:{GAP}{CAP}){{0,2}}(?:,{GAP}{CAP})?"
    rf"|,{GAP}{CAP}(?:{GAP}{CAP}){{0,2}}(?:,{GAP}{CAP}(?:{GAP}{CAP})?)?)?"
)
"""What may follow a street: unit, town, region, country and postcode."""

_WORDS = rf"(?:(?:{CAP}|{_PARTICLE}|\d{{1,3}}(?:st|nd|rd|th)){GAP})"
_DIRECTION = r"(?-i:N|S|E|W|NE|NW|SE|SW|North|South|East|West)"
ENGLISH = (
    rf"\b{_NUMBER}(?:{GAP}{_NUMBER})?,?{GAP}(?:{_DIRECTION}\.?{GAP})?{_WORDS}{{1,4}}"
    rf"(?-i:{_LAST_WORD}\b\.?)(?:{GAP}{_DIRECTION}\b)?{_TAIL}"
)
_TO_NUMBER = rf"{GAP}{_NUMBER}\b(?!\s*%)\.?{_TAIL}"
ONE_WORD = (
    rf"\b(?:{_NUMBER}{GAP})?(?:{CAP}{GAP}){{0,2}}(?-i:\p{{Lu}}[\p{{L}}\p{{M}}-]*{_ENDING})\.?"
    rf"{_TO_NUMBER}"
    rf"|\b(?:{_NUMBER}{GAP})?(?:{CAP}{GAP}){{1,2}}(?-i:{_ENDING})\.?{_TO_NUMBER}"
)
_HEAD = rf"(?-i:{_FIRST_WORD}){GAP}(?:(?:{CAP}|{_PARTICLE}){GAP}){{0,4}}{CAP}"
KIND_FIRST = (
    rf"\b{_NUMBER},?{GAP}{_HEAD}(?:,?{GAP}{_NUMBER}\b)?{_TAIL}|\b{_HEAD},?{GAP}{_NUMBER}\b{_TAIL}"
)
WITH_UNIT = (
    rf"\b{_NUMBER}{GAP}(?:(?:(?!I\b)\p{{L}}{{1,3}}\.|(?!I\b)[\p{{L}}\p{{M}}'’-]+){_BETWEEN}|\d{{1,6}}\.?,?{_BETWEEN}){{1,7}}"
    rf"(?=(?:Apt|Apartment|Suite|Ste|Flat|Unit)\b){_UNIT}"
    rf"(?:{_PLACES}{_BETWEEN}{_CODE}\b|{_UNCODED})?"
    rf"|{_UNIT}{_BETWEEN}{_NUMBER}{GAP}{CAP}(?:{GAP}{CAP}){{0,3}}(?:{GAP}{_NUMBER}\b)?{_TAIL}"
)
APARTMENT = rf"\b(?=Ap|Su|Ste|Fl)(?!Floor|Fl\.?[ ])(?-i:{_UNIT})"
UNIT = rf"\b{_UNIT}"
TWO_NUMBERS = (
    rf"\b\d{{1,6}}{GAP}(?!{MONTHS}\b|I\b){CAP}{GAP}(?:{CAP}{GAP}){{0,3}}(?:\p{{Ll}}{{1,6}}\.?{GAP})?"
    rf"\d{{1,5}}\b(?![.,:/%-]?\d)\.?{_TAIL}"
)
NUMBERS_FIRST = rf"\b\d{{2,6}}{GAP}\d{{1,4}}{GAP}(?!{MONTHS}\b){CAP}(?:{GAP}{CAP}){{0,3}}{_TAIL}"
NUMBER_LAST = (
    rf"\b{CAP}(?:{GAP}{CAP}){{0,2}}{GAP}\d{{1,4}},\s{{1,3}}\d{{3,5}}{GAP}"
    rf"(?:(?-i:[A-Z]{{2}}){GAP})?{CAP}"
)
_FORCES = r"(?-i:[AFD]PO[ ]A[AEP])[ ]\d{5}"
MILITARY = (
    rf"\b(?-i:PSC|Unit|CMR)[ ]\d{{3,5}},?[ ]Box[ ]\d{{1,5}}(?:\s+{_FORCES}(?:-\d{{4}})?)?"
    rf"|\b(?-i:US(?:NS|CGC|S|NV)[ ]\p{{Lu}}\w+)\s+{_FORCES}"
)
BOX = (
    rf"\bP\.?[ ]?O\.?[ ]?Box[ ]?\d{{1,6}}\b{_TAIL}"
    rf"|\b(?-i:Postbox|Postfach|Apartado)[ ]\d{{1,6}}\b{_TAIL}"
    r"|\b(?-i:Rural[ ]Route|RR|R\.R\.|County[ ]Road|State[ ]Route)[ ]?\d{1,4}"
    rf"(?:,[ ]Box[ ]\d{{1,5}})?\b{_TAIL}"
)
CORNER = (
    rf"\bthe{GAP}corner{GAP}of(?:{GAP}(?!and\b)[\w'’.-]+){{1,6}}{GAP}and(?:{GAP}"
    rf"(?:{CAP}|{_NUMBER}\.?(?!\w)|(?!and\b)\p{{Ll}}{{2,4}}(?={GAP}(?:\p{{Lu}}|\d)))){{1,5}}"
)
TOWN = (
    rf"\b{CAP}(?:{GAP}{CAP}){{0,3}},?{GAP}(?-i:[A-Z]{{2}}),?{GAP}\d{{5}}(?:-\d{{4}})?\b"
    rf"|\b{CAP}(?:{GAP}{CAP}){{0,2}},?{GAP}(?:(?-i:[A-Z]{{2}}),?{GAP})?(?:{_UK}|{_CANADA})\b"
)
_PART = rf"(?:{CAP}|{_NUMBER})(?:{GAP}(?:{CAP}|{_NUMBER}|{_PARTICLE}|&)){{0,5}}"
PARTS = (
    rf"\b{_PART}(?:,\s{{1,3}}{_PART}){{1,3}},?\s{{1,3}}"
    rf"(?:{_UK}|{_CANADA}|(?:{_STATE}{GAP})?\d{{4,6}}(?:-\d{{4}})?)\b"
)
"""Parts with capital letters, of which the last ends with a postcode."""
AFTER_A_WORD = (
    r"(?<=\b(?:address(?:es)?|deliver(?:ed|y)?|ship(?:ped)?|sent?|mail|post|moved|reside|lives?"
    r"|living|located|side[ ]of|taxi|drops[ ]you[ ]off)(?:[ ](?:is|was|are|to|at|in|from|off|of|on"
    r"|linked|my|the|new|following|it|me|goods|parcel|order)){0,4}[:\s]{1,6})"
    rf"(?:{_NUMBER}{GAP})?(?:(?:{CAP}|{_PARTICLE}){GAP}){{1,4}}{_NUMBER}\b{_TAIL}"
)
POSTCODE = rf"\b(?:{_UK}|{_CANADA})\b|(?<=\b(?-i:[A-Z]{{2}})[ ])\d{{5}}(?:-\d{{4}})?\b"
