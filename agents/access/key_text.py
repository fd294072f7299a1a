"""What an API key looks like: a beginning that is recognised wherever it leaks, 256 random bits, and a checksum.

The checksum tells a mistyped or made-up key from one that is worth a question to the database.
"""

import re
import secrets
from hashlib import sha256
from string import ascii_letters, digits
from zlib import crc32

_ALPHABET = digits + ascii_letters
_BEGIN = "jlp_"
# As many characters as 256 bits, and 32 bits, take.
_RANDOM, _CHECK = 43, 6
_SHOWN = len(_BEGIN) + 8
_FORM = re.compile(rf"{_BEGIN}([0-9A-Za-z]{{{_RANDOM}}})([0-9A-Za-z]{{{_CHECK}}})")


def new_key() -> str:
    """A key that nobody has."""
    random = _in_characters(secrets.randbits(256), _RANDOM)
    return _BEGIN + random + _checksum(random)


def is_key(text: str) -> bool:
    """Whether this may be a key."""
    found = _FORM.fullmatch(text)
    return found is not None and _checksum(found[1]) == found[2]


def shown_prefix(key: str) -> str:
    """What people recognise a key by. It leaves more than 200 bits unknown."""
    return key[:_SHOWN]


def digest_of(key: str) -> bytes:
    """What is stored of a key. As much as it holds, no salt or slow hash is needed."""
    return sha256(key.encode()).digest()


def _checksum(random: str) -> str:
    return _in_characters(crc32(random.encode()), _CHECK)


def _in_characters(number: int, length: int) -> str:
    text = ""
    while number:
        number, rest = divmod(number, len(_ALPHABET))
        text = _ALPHABET[rest] + text
    return text.rjust(length, _ALPHABET[0])
