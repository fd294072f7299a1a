"""Words of texts in any script: where one ends, what it is without accents, and which pieces stand for it.

Scripts that put no blanks between words (Chinese, Japanese, Thai, ...) and Korean, which glues endings to them, are cut
into pieces of two characters each: a text and a question about it have those of a word in common.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

# Thai and Lao, Tibetan, Burmese, Hangul letters, Khmer, iteration marks and kana, bopomofo, kana of Ainu, Han, Hangul
# syllables, Han for compatibility, rare Han.
_UNSPACED = (
    "\u0e01-\u0eff\u0f00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30fa\u30fc-\u312f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# Signs that belong to the letter before them; Python does not count them as parts of words.
_SIGNS = "".join(chr(code) for code in range(0x300, 0xABF0) if unicodedata.category(chr(code)) in {"Mn", "Mc"})
_WORD = re.compile(f"(?P<run>[{_UNSPACED}]+)|(?:[^\\W_{_UNSPACED}]++[{_SIGNS}]*+)++")
_PLAIN_WORD = re.compile("[A-Za-z0-9]+")
# Several words may be written as one: paths, addresses, names in programs, numbers of parts.
_STRETCH = re.compile(r"[\w./\\@:#+=~&-]+")
_JOINTS = "._/\\@:#+=~&-"
_ENDS = re.compile(rf"[{re.escape(_JOINTS)}]")
_HYPHENATED = re.compile(r"[^\W\d_]++(?:-[^\W\d_]++)++")
_DOTTED_NUMBER = re.compile(r"[vV]?(\d++(?:\.\d++)++)")
_HUMPS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+")
_MIXED = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]|[^\W\d_]\d|\d[^\W\d_]")
# What is no letter with an accent for Unicode, but is for people.
_LOOKALIKES = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ß": "ss", "ı": "i"}
)
# Marks that nobody sees: where a word may be broken, how it is joined, which way it runs. One is a blank of no width.
_UNSEEN = dict.fromkeys([0xAD, 0x200C, 0x200D, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF])
# Letters that look alike and are typed for each other: of Arabic and Persian.
_SEEN_ALIKE = {0x200B: " ", 0x06A9: "\u0643", 0x06CC: "\u064a"}
_CHANGED = {**_UNSEEN, **_SEEN_ALIKE}
# A dot below that changes a letter of an Indian script, and is often left out.
_NUKTA = frozenset("\u093c\u09bc\u0a3c\u0abc\u0b3c")
_BROKEN = re.compile(r"([^\W\d_]{2,64})[-\u2010]\n[ \t]*([^\W\d_]{2,64})")
# Whose accents may be left out: Latin, Greek and Cyrillic. Elsewhere signs are vowels.
_ACCENTED = re.compile("[\u0041-\u024f\u0370-\u052f\u1e00-\u1fff]")
_LONGEST_WORD = 64


class Word(NamedTuple):
    """A word as it was typed; `unspaced` is a run of a script without blanks, which may be several words."""

    text: str
    unspaced: bool


def normal(text: str) -> str:
    """One spelling of what looks the same: wide letters, ligatures, accents typed apart, blanks of any sort; and
    without what nobody sees."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_CHANGED)


def words(text: str) -> Iterator[Word]:
    """The words of a `normal` text, in their order. Of one that is too long, the beginning."""
    if text.isascii():
        for plain in _PLAIN_WORD.findall(text):
            yield Word(plain[:_LONGEST_WORD], False)
        return
    for match in _WORD.finditer(text):
        is_run = match["run"] is not None
        yield Word(match[0] if is_run else match[0][:_LONGEST_WORD], is_run)


def folded(word: str) -> str:
    """The word in small letters, without accents where those may be left out."""
    small = word.casefold()
    if small.isascii():
        return small
    kept: list[str] = []
    for letter in unicodedata.normalize("NFD", small):
        if letter in _NUKTA:
            continue
        if not unicodedata.combining(letter) or not kept or not _ACCENTED.match(kept[-1]):
            kept.append(letter)
    return unicodedata.normalize("NFC", "".join(kept)).translate(_LOOKALIKES)


def joined_words(text: str) -> Iterator[list[str]]:
    """The parts of what is written as one but is several words: `foo_bar.baz`, `E-4042`, `getName`."""
    for stretch in _stretches(text):
        spaced = [word.text for word in words(stretch) if not word.unspaced]
        found = [part for word in spaced for part in parts(word)]
        if len(found) > 1 and not _HYPHENATED.fullmatch(stretch):
            yield found


def dotted_numbers(text: str) -> list[str]:
    """`3.14`, `2.0.1`, also of `v2.0.1`."""
    return [found[1] for stretch in _stretches(text) if (found := _DOTTED_NUMBER.fullmatch(stretch))]


def broken_words(text: str) -> Iterator[str]:
    """Words that are broken at the end of a line, whole."""
    return (found[1] + found[2] for found in _BROKEN.finditer(text))


def _stretches(text: str) -> Iterator[str]:
    """What stands between blanks and punctuation and may be several words."""
    for match in _STRETCH.finditer(text):
        stretch = match[0].strip(_JOINTS)
        if _ENDS.search(stretch) or len(stretch) <= _LONGEST_WORD and _MIXED.search(stretch):
            yield stretch


@lru_cache(maxsize=20_000)
def parts(word: str) -> list[str]:
    """A word by its humps and numbers: `getName2` has three parts. One that has none is its only part."""
    return _HUMPS.findall(word) if _MIXED.search(word) else [word]


def characters(run: str) -> list[str]:
    """The characters of a run, each with the signs that belong to it."""
    found: list[str] = []
    for letter in run:
        if found and unicodedata.category(letter) in {"Mn", "Mc"}:
            found[-1] += letter
        else:
            found.append(letter)
    return found


def pairs(run: str | Sequence[str]) -> list[str]:
    """The pieces of two characters of a run; a single character is its own piece."""
    single = characters(run) if isinstance(run, str) else run
    return [one + other for one, other in zip(single, single[1:], strict=False)] or list(single)
