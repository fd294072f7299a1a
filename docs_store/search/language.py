"""Language tags of queries, and the text search configuration of Postgres that each stands for."""

import re
from collections.abc import Mapping

DEFAULT_TAG = "en-US"
DEFAULT_CONFIGURATION = "english"
# Splits words and folds case, without knowing any endings.
_PLAIN_CONFIGURATION = "simple"

_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{1,8}){0,8}", re.IGNORECASE)

# Every two-letter code of ISO 639.
_CODES = frozenset(
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en "
    "eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv "
    "ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne "
    "ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st "
    "su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu".split()
)

# Languages whose endings Postgres 15 and newer know, under every code they have.
_CONFIGURATIONS: Mapping[str, str] = {
    code: configuration
    for configuration, codes in {
        "arabic": "ar ara",
        "armenian": "hy hye arm",
        "basque": "eu eus baq",
        "catalan": "ca cat",
        "danish": "da dan",
        "dutch": "nl nld dut",
        "english": "en eng",
        "finnish": "fi fin",
        "french": "fr fra fre",
        "german": "de deu ger",
        "greek": "el ell gre",
        "hindi": "hi hin",
        "hungarian": "hu hun",
        "indonesian": "id ind",
        "irish": "ga gle",
        "italian": "it ita",
        "lithuanian": "lt lit",
        "nepali": "ne nep",
        "norwegian": "no nb nn nor nob nno",
        "portuguese": "pt por",
        "romanian": "ro ron rum",
        "russian": "ru rus",
        "serbian": "sr srp",
        "spanish": "es spa",
        "swedish": "sv swe",
        "tamil": "ta tam",
        "turkish": "tr tur",
        "yiddish": "yi yid",
    }.items()
    for code in codes.split()
}


def text_configuration(tag: str) -> str | None:
    """The configuration for a tag such as `en-US`; None when it names no language."""
    match = _TAG.fullmatch(tag)
    code = match[1].lower() if match else ""
    if code in _CONFIGURATIONS:
        return _CONFIGURATIONS[code]
    return _PLAIN_CONFIGURATION if code in _CODES else None
