"""The text search configurations of Postgres that stand for language tags, and for the language a text is in."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from docs_store.search.function_words import FUNCTION_WORDS
from julep_project.core.words import Word

DEFAULT_TAG = "en-US"
DEFAULT_CONFIGURATION = "english"
# Splits words and folds case, without knowing any endings.
_PLAIN_CONFIGURATION = "simple"
# Languages that write several words as one.
COMPOUNDING = frozenset({"german", "dutch", "danish", "norwegian", "swedish", "finnish", "hungarian"})

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

# Languages that are known by their letters.
_SCRIPTS: Sequence[tuple[re.Pattern[str], tuple[str, ...]]] = (
    (re.compile("[\u0600-\u06ff]"), ("arabic",)),
    (re.compile("[\u0370-\u03ff]"), ("greek",)),
    (re.compile("[\u0530-\u058f]"), ("armenian",)),
    (re.compile("[\u0590-\u05ff]"), ("yiddish",)),
    (re.compile("[\u0900-\u097f]"), ("hindi", "nepali")),
    (re.compile("[\u0b80-\u0bff]"), ("tamil",)),
)
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_OF_CYRILLIC = ("russian", "serbian")
# So many words tell a language; with fewer, one that is known by a single word will do.
_SAMPLE_WORDS = 400
_SHORT_WORDS = 12
_LANGUAGES_OF: Mapping[str, frozenset[str]] = {
    word: frozenset(name for name, known in FUNCTION_WORDS.items() if word in known)
    for word in frozenset().union(*FUNCTION_WORDS.values())
}


def possible_languages(text: str, words: Sequence[Word]) -> list[str]:
    """The configurations of the languages a short text may be in that gives no sign of any: all with such letters."""
    if len(words) > _SHORT_WORDS or all(word.unspaced for word in words) or _recognised(text, words)[1]:
        return []
    cyrillic = bool(_CYRILLIC.search(text))
    return [name for name in FUNCTION_WORDS if (name in _OF_CYRILLIC) == cyrillic and name != DEFAULT_CONFIGURATION]


def recognised_languages(text: str, words: Sequence[Word]) -> list[str]:
    """The configurations of the languages other than English that a text is in, by its letters and short words."""
    return _recognised(text, words)[0]


def is_function_word(word: str, configurations: Iterable[str]) -> bool:
    """Whether the word says nothing by itself in one of the languages."""
    return not _LANGUAGES_OF.get(word, frozenset()).isdisjoint(configurations)


def _recognised(text: str, words: Sequence[Word]) -> tuple[list[str], bool]:
    """The languages, and whether there was any sign, of English too."""
    found = [name for letters, names in _SCRIPTS if letters.search(text) for name in names]
    sample = [word.text.casefold() for word in words[:_SAMPLE_WORDS]]
    counts = Counter(name for word in sample for name in _LANGUAGES_OF.get(word, ()))
    most = max(counts.values(), default=0)
    if counts[DEFAULT_CONFIGURATION] < most and (most > 1 or len(sample) <= _SHORT_WORDS):
        found += [name for name, count in counts.items() if count == most]
    return found, bool(found or counts)


def text_configuration(tag: str) -> str | None:
    """The configuration for a tag such as `en-US`; None when it names no language."""
    match = _TAG.fullmatch(tag)
    code = match[1].lower() if match else ""
    if code in _CONFIGURATIONS:
        return _CONFIGURATIONS[code]
    return _PLAIN_CONFIGURATION if code in _CODES else None
