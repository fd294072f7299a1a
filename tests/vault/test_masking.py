"""What may not be seen is found in every spelling that a server repeats it in, and in time."""

import base64
import html
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from agents.vault.masking import MOST_PLACES, MaskedStream, Masker

SECRETS = {
    "PLAIN": "sk-9f8e7d6c5b4a39281706",
    "ODD": "p@ss/w+rd=\"<tag>&'\\quote é",
    "LONG": "-----BEGIN KEY-----\n" + "Zm9vYmFy/+AbCd" * 20 + "\n-----END KEY-----",
}
MASKER = Masker.of_secrets(SECRETS)


def b64(value: bytes, before: int, url: bool) -> str:
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    return encode(b"xyz"[:before] + value + b"!").decode()


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": lambda value: json.dumps(value),
    "JSON with letters of all kinds": lambda value: json.dumps(value, ensure_ascii=False),
    "JSON with escaped slashes": lambda value: json.dumps(value).replace("/", "\\/"),
    "JSON in JSON": lambda value: json.dumps(json.dumps(value)),
    "Python": repr,
    "JSON in JSON in Python": lambda value: repr(json.dumps(json.dumps(value))),
    "path": quote,
    "query": lambda value: quote(value, safe=""),
    "form": quote_plus,
    "small percent escapes": lambda value: quote(value, safe="").replace("%2F", "%2f").replace("%3D", "%3d"),
    "percent escapes of all": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
    "twice in a query": lambda value: quote(quote(value, safe=""), safe=""),
    "HTML": html.escape,
    "HTML numbers": lambda value: "".join(f"&#{ord(one)};" for one in value),
    "hex": lambda value: value.encode().hex(),
    "capital hex": lambda value: value.encode().hex().upper(),
    "one line": lambda value: " ".join(value.split()),
    **{
        f"base64 after {before}{' of addresses' * url}": lambda value, before=before, url=url: b64(
            value.encode(), before, url
        )
        for before in range(3)
        for url in (False, True)
    },
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", SECRETS)
def test_spellings(name: str, spelling: str) -> None:
    told = SPELLINGS[spelling](SECRETS[name])

    masked = MASKER.text(f"before {told} after")

    assert f"***{name}***" in masked
    assert masked.startswith("before ") and masked.endswith(" after")
    assert not [piece for piece in (told[i : i + 12] for i in range(2, len(told) - 13)) if piece in masked]


@pytest.mark.parametrize("name", ["PLAIN", "ODD"])
@pytest.mark.parametrize("safe", ["/", "/+=&", "!$&'()*+,;=:@/?", ""])
def test_percent_escapes_of_whatever_the_server_chose(name: str, safe: str) -> None:
    told = quote(SECRETS[name], safe=safe).replace("k", "%6b").replace("t", "%74").replace("%2F", "%2f")

    assert MASKER.text(f"% {told}%, 100%25") == f"% ***{name}***%, 100%25"


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_in_pieces(spelling: str, size: int) -> None:
    told = f"before {SPELLINGS[spelling](SECRETS['ODD'])} {SPELLINGS[spelling](SECRETS['LONG'])} after"
    stream = MaskedStream(MASKER)

    pieces = [stream.add(told[start : start + size]) for start in range(0, len(told), size)]

    assert "".join([*pieces, stream.end()]) == MASKER.text(told)


def test_a_stream_holds_back_what_may_begin_a_value_only() -> None:
    stream = MaskedStream(MASKER)

    assert stream.add("nothing to hide") == "nothing to hide"
    assert stream.add("key: sk-9f8e") == "key: "
    assert stream.add("nothing") == "sk-9f8enothing"


def test_json_in_keys_texts_and_numbers() -> None:
    masker = Masker.of_secrets({"PIN": "48151623", "KEY": "hunter2-hunter2"})
    value = {"a hunter2-hunter2": [48151623, True, None, {"deep": "x hunter2-hunter2 y"}], "plain": 1.5}

    masked = masker.value(value)

    assert masked == {"a ***KEY***": ["***PIN***", True, None, {"deep": "x ***KEY*** y"}], "plain": 1.5}
    assert masker.value(other := {"a": ["nothing"]}) is other


def test_bytes_of_any_kind() -> None:
    content = b"\xff\xfe" + SECRETS["PLAIN"].encode("utf-16-le") + b"\x00" + SECRETS["PLAIN"].encode() + b"\xff"

    assert MASKER.content(content) == b"\xff\xfe***PLAIN***\x00***PLAIN***\xff"
    assert MASKER.content(untouched := b"\xff\x00") is untouched


def test_the_longer_of_two_values_wins() -> None:
    masker = Masker.of_secrets({"A": "abcdef", "B": "abcdefghij"})

    assert masker.text("abcdefghij abcdef") == "***B*** ***A***"


def test_a_text_that_was_cut_within_a_value() -> None:
    assert MASKER.excerpt("told: sk-9f8e7d6c5b4a") == "told: ***PLAIN***"
    assert MASKER.excerpt("told: sk") == "told: sk"


def test_very_short_values_are_not_hidden() -> None:
    assert Masker.of_secrets({"A": "abc", "B": "1234"}).text("abc 1234") == "abc ***B***"


@pytest.mark.parametrize("value", ["a" * 4, "ab" * 100, "a" * 1000 + "b", "a" * 100_000])
def test_a_value_and_a_text_made_to_be_slow(value: str) -> None:
    masker = Masker.of_secrets({"A": value, **{f"B{number}": f"{'a' * 64}{'b' * number}" for number in range(50)}})
    content = b"a" * (1 << 21)

    assert set(masker.content(content).decode()) <= set("***A***B0123456789ab")


def test_a_text_of_nothing_else_is_hidden_whole() -> None:
    masker = Masker.of_secrets({"A": "abcd"})
    many: Any = ["abcd"] * (MOST_PLACES + 1)

    assert masker.content(b"abcd, " * (MOST_PLACES + 1)) == b"***A***"
    assert masker.value(many) == "***A***"


def test_of_a_long_value_the_beginning_is_enough() -> None:
    told = SECRETS["LONG"][:150]

    assert MASKER.text(f"{told}, and so on") == "***LONG***, and so on"
