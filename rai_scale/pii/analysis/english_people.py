"""Patterns of names, companies and ages in English texts."""

from __future__ import annotations

from rai_scale.pii.analysis.english_addresses import CAP, GAP

_HONORIFIC = (
    r"(?-i:Mr|Mrs|Ms|Mx|Miss|Misses|Messrs|Dr|Prof|Professor|Sir|Dame|Lady|Lord|Rev|Reverend|Fr"
    r"|Father|Sister|Hon|Judge|Justice|Capt|Captain|Col|Colonel|Gen|General|Lt|Lieutenant|Maj|Sgt"
    r"|Sergeant|Cpl|Officer|Inspector|Constable|Superintendent|Detective|Chief|Senator|Councillor"
    r"|President|Chancellor|Mayor|Minister|Ambassador|Pastor|Bishop|Rabbi|Imam|Nurse|Coach|Aunt"
    r"|Auntie|Uncle|Baron|Baroness|Fam|Herr|Frau|Monsieur|Madame|Mme|Mlle|Señora?|Sra?|Don|Doña"
    r"|Dott|Signora?|Sig|Dra|MR|MRS|MS|DR)"
)
_INITIAL = r"(?-i:\p{Lu}\.?)"
_NAME_PART = rf"(?:{CAP}|(?-i:van|von|der|den|de|del|la|bin|ibn|al|el|da|dos|di)\b)"
NAME = rf"{CAP}(?:{GAP}(?:{_INITIAL}(?=\s)|{_NAME_PART})){{0,3}}"
TITLED = (
    rf"\b{_HONORIFIC}\b\.?(?:(?:/|{GAP}(?:and|&){GAP}){_HONORIFIC}\b\.?)?"
    rf"(?:{GAP}{_HONORIFIC}\b\.?)?{GAP}{NAME}"
)
_SURNAME = r"(?-i:(?:Mac|Mc|[OD]['’])?\p{Lu}[\p{Ll}\p{M}]+(?:-\p{Lu}[\p{Ll}\p{M}]+)?)\b"
INITIALS = r"\b(?!(?-i:U\.S|U\.K|E\.U|P\.O|P\.S|A\.M|P\.M))(?-i:\p{Lu}\.[ ]?){1,3}" + _SURNAME
MIDDLE_INITIAL = (
    r"\b(?!(?:Vitamin|Hepatitis|Class|Section|Grade|Type|Appendix|Room|Server|Block|Schedule|Part"
    rf"|Item|Plan|Table|Figure|Annex|Group|Unit)\b){_SURNAME}{GAP}(?-i:[B-HJ-Z]|\p{{Lu}}\.){GAP}"
    rf"{_SURNAME}"
)
_NOT_NAMED = (
    rf"(?-i:{_HONORIFIC}|Madam|All|Team|Customers?|Colleagues?|Sirs?|Tenants?|Editor|Members?|I"
    r"|The|We|You|They|It|Re|Dear|In|This|There|Please|What|Where|When|Who|How|Support|Service)\b"
)
"""What follows a greeting, or begins the next sentence, and is not a name."""
_RELATION = (
    r"(?:my|your|his|her|our|their|the)[ ](?:late[ ])?(?:aunt|uncle|father|mother|son|daughter"
    r"|brother|sister|husband|wife|partner|colleague|neighbou?r|friend|manager|boss|secretary"
    r"|assistant|cousin|nephew|niece|grand(?:mother|father|son|daughter)|foreman|driver|guest"
    r"|witness|tenant|landlord|lawyer|doctor|teacher|kid|child),?"
)
INTRODUCED = (
    r"(?<=\b(?:my[ ]name[ ]is|(?:first|last|full|maiden|family|middle)[ ]names?[ ](?:is|was)|name:"
    r"|names?[ ]is|your[ ](?:last[ ]|first[ ])?name\?|called|calls[ ]me|this[ ]is|regards|dear|hi"
    r"|hello|attn:?|attention:|contact:|signed:?|ask[ ]for|sp(?:eak|oke)[ ](?:to|with)|care[ ]of"
    r"|c/o|on[ ]behalf[ ]of|guardian|from:|re:|present:|deliver[ ]to:|bill[ ]to:|queries:|driver:"
    r"|witness:|customer:|patient:|client:|recipient:|employee:|applicant:|tenant:|on[ ]card:"
    rf"|{_RELATION})\s{{1,4}})(?=(?-i:\p{{Lu}}['’]?\p{{L}}?\p{{Ll}}))(?!{_NOT_NAMED}){NAME}"
    rf"|(?<=\bI[ ]am[ ]){CAP}{GAP}{CAP}"
)
_CLOSING = (
    r"(?:regards|wishes|thanks|thanking[ ]you|thank[ ]you|thx|warmly|respectfully|cordially|yours"
    r"|etc\.?|sincerely|faithfully|truly|cheers|greetings|grüßen|xx?|love|best|signed|for[^\n]{0,40}"
    r"|behalf[^\n]{0,40})"
)
SIGNED = rf"(?<=\b{_CLOSING}[,.!]?[ \t]*\n\s{{0,4}})(?!{_NOT_NAMED}){NAME}(?=\s*(?:\n|,|\(|$))"
LAST_LINE = rf"(?<=\n[ \t]*\n){NAME}(?=\s*\Z)"
LETTERHEAD = (
    rf"(?<![^\n>?*|]|\n[>?*|])[ \t]*{CAP}{GAP}(?:{_INITIAL}{GAP})?{NAME}"
    r"(?=\s*\n[\s>?*|]*(?:(?:Flat|Apt|Unit|Suite)\b|\d{1,6}[ ]\p{Lu}))"
)

_FORM = (
    r"(?-i:Inc|LLC|L\.L\.C|Ltd|Limited|GmbH|AG|KG|Corp|Corporation|Company|Co|PLC|plc|Group"
    r"|Holdings?|Partners|LLP|LP|S\.A|SA|SAS|SARL|S\.r\.l|SpA|BV|B\.V|NV|AB|ApS|A/S|Oyj?|Pty|Bank"
    r"|Insurance|Trust|Foundation|Institute|University|College|Hospital|Clinic|Associates|School"
    r"|Consulting|Technologies|Solutions|Systems|Logistics|Pharmaceuticals?|Industries|Enterprises|Council"
    r"|Ventures|Capital|Investments|Financial|Airlines|Motors|Brothers|Bros|Sons|Society|Union"
    r"|Agency|Orchestra|Partnership|Solicitors|Bakery|Catering|Textiles|Ferries|Analytics)"
)
COMPANY = (
    rf"\b{CAP}(?:{GAP}(?:{CAP}|&|and|of)){{0,3}},?{GAP}(?:&{GAP})?{_FORM}\b\.?(?:{GAP}{_FORM}\b\.?)?"
    rf"|\b{CAP}(?:,{GAP}{CAP}){{1,4}},?{GAP}and{GAP}{CAP}(?={GAP}(?:LLP|Inc|Ltd)\b)"
)
EMPLOYER = (
    r"(?<=\b(?:works?|worked|working|employed|job|employees?|ceo|cfo|cto|director|manager|chairman"
    r"|founder|president|head|partner)[ ](?:for|at|of|with|by)\s)"
    rf"(?!(?-i:The|A|An|This|My)\b){CAP}(?:{GAP}(?:{CAP}|&)){{0,3}}"
)

AGE = (
    r"\b\d{1,3}(?=[ -]years?[ -](?:old|of[ ]age)\b|[ -]year[ -]olds?\b|[ ]?y/?o\b|[ ]yrs?[ ]old\b)"
    r"|(?<=\b(?:aged?|age:|age[ ]of|age[ ]is|turned|turning|turns)[ ])\d{1,3}\b(?![.,/-]?\d|[ ]?%)"
    r"|(?<=\b(?:he|she|who|mother|father|son|daughter|wife|husband)[ ]is[ ](?:only[ ]|now[ ])?"
    r"(?:about[ ])?)\d{1,3}\b(?=[.,;]|[ ]and\b|$)"
    r"|(?<=\b(?:man|woman|boy|girl)[ ]of[ ](?:about[ ])?)\d{1,3}\b"
    r"|(?<=\p{Ll},[ ])\d{1,2}(?=,[ ](?:an?|of)[ ])"
)
