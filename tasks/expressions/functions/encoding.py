"""Encodings, addresses, checksums and identifiers, and the constants of `string`."""

import base64
import binascii
import hashlib
import string
import urllib.parse
import uuid
from collections.abc import Callable
from typing import Any

from julep_project.core.ids import uuid7
from tasks.expressions.callables import Group
from tasks.expressions.errors import LimitExceeded
from tasks.expressions.limits import MAX_PARSER_INPUT, Budget
from tasks.expressions.measure import text_of
from tasks.expressions.values import Value, fail, take_list, type_name

GROUP = Group("Identifiers")
BASE64 = Group("base64", prefix="base64.")
PARSE = Group("urllib.parse", prefix="urllib.parse.")
HASHLIB = Group("hashlib", prefix="hashlib.")

_MAX_ADDRESS = 200_000
_MAX_FIELDS = 10_000

STRING_CONSTANTS = {
    name: getattr(string, name)
    for name in (
        "ascii_letters",
        "ascii_lowercase",
        "ascii_uppercase",
        "digits",
        "hexdigits",
        "octdigits",
        "punctuation",
        "whitespace",
        "printable",
    )
}


def _bytes(budget: Budget, value: Value) -> bytes:
    if type(value) is bytes:
        return value
    if type(value) is not str:
        fail("TypeError", f"text is needed, not {type_name(value)}")
    if len(value) > MAX_PARSER_INPUT:
        raise LimitExceeded(f"at most {MAX_PARSER_INPUT:,} characters")
    budget.grow_text(len(value), wide=not value.isascii())
    budget.charge_text(4 * len(value))
    return value.encode()


_ENCODE_BOUND = f"{MAX_PARSER_INPUT:,} characters"


@BASE64.add("b64encode(text)", "Base64 of a text (as UTF-8).", _ENCODE_BOUND)
def _b64encode(budget: Budget, text: Value) -> str:
    data = _bytes(budget, text)
    budget.grow_text(2 * len(data))
    return base64.b64encode(data).decode("ascii")


@BASE64.add("b64decode(text)", "The UTF-8 text of a Base64 text.", _ENCODE_BOUND)
def _b64decode(budget: Budget, text: Value) -> str:
    data = _bytes(budget, text)
    budget.grow_text(len(data), wide=True)
    try:
        return base64.b64decode(data).decode()
    except UnicodeDecodeError:
        fail("ValueError", "the decoded data is not UTF-8 text")
    except binascii.Error as error:
        fail("ValueError", f"the text is not Base64: {error}")


@HASHLIB.add("sha256(text)", "The SHA-256 checksum in hexadecimal.", _ENCODE_BOUND)
def _sha256(budget: Budget, text: Value) -> str:
    return hashlib.sha256(_bytes(budget, text)).hexdigest()


@GROUP.add("uuid4()", "A random identifier, as text.", "constant")
def _uuid4(budget: Budget) -> str:
    return str(uuid.uuid4())


@GROUP.add("uuid7()", "An identifier that sorts by time, as text.", "constant")
def _uuid7(budget: Budget) -> str:
    return str(uuid7())


def _address(budget: Budget, value: Value) -> str:
    if type(value) is not str:
        fail("TypeError", f"text is needed, not {type_name(value)}")
    if len(value) > _MAX_ADDRESS:
        raise LimitExceeded(f"an address may have at most {_MAX_ADDRESS:,} characters")
    budget.charge(1 + len(value) // 2)
    budget.grow_text(3 * len(value), wide=not value.isascii())
    return value


_ADDRESS_BOUND = f"{_MAX_ADDRESS:,} characters"


def _split_address(budget: Budget, url: Value) -> dict[str, Value]:
    parts = urllib.parse.urlparse(_address(budget, url))
    fields: dict[str, Value] = dict(parts._asdict())
    fields.update(hostname=parts.hostname, port=parts.port, username=parts.username, password=parts.password)
    return fields


_SPLIT_DOC = "An object: scheme netloc path params query fragment hostname port username password."
for _name in ("urlparse", "urlsplit"):
    PARSE.add(f"{_name}(url)", _SPLIT_DOC, _ADDRESS_BOUND)(_split_address)


def _quoting(name: str, signature: str, doc: str) -> None:
    apply: Callable[..., Any] = getattr(urllib.parse, name)

    @PARSE.add(signature, doc, _ADDRESS_BOUND)
    def run(budget: Budget, text: Value, *safe: Value) -> Value:
        if len(safe) > ("safe" in signature):
            fail("TypeError", f"wrong arguments for urllib.parse.{signature}")
        return apply(_address(budget, text), *(_address(budget, one) for one in safe))


_quoting("quote", "quote(text, safe='/')", "The text with special characters as %xx.")
_quoting("quote_plus", "quote_plus(text, safe='')", "As quote, with + for blanks.")
_quoting("unquote", "unquote(text)", "The text with %xx replaced.")
_quoting("unquote_plus", "unquote_plus(text)", "As unquote, with blanks for +.")


@PARSE.add("urljoin(base, url)", "The address that url means on the page base.", _ADDRESS_BOUND)
def _urljoin(budget: Budget, base: Value, url: Value) -> str:
    return urllib.parse.urljoin(_address(budget, base), _address(budget, url))


@PARSE.add("urlencode(fields, doseq=False)", "Fields as a query text.", f"{_MAX_FIELDS:,} fields")
def _urlencode(budget: Budget, fields: Value, doseq: Value = False) -> str:
    pairs = list(fields.items()) if type(fields) is dict else take_list(fields, budget)
    encoded: list[tuple[str, str]] = []
    for pair in pairs:
        if type(pair) not in (list, tuple) or len(pair) != 2:
            fail("TypeError", "urlencode needs an object or pairs")
        values = take_list(pair[1], budget) if doseq and type(pair[1]) in (list, tuple) else [pair[1]]
        encoded += [
            (_address(budget, text_of(pair[0], budget)), _address(budget, text_of(value, budget))) for value in values
        ]
        if len(encoded) > _MAX_FIELDS:
            raise LimitExceeded(f"urlencode takes at most {_MAX_FIELDS:,} fields")
    return urllib.parse.urlencode(encoded)


@PARSE.add("parse_qs(query)", "An object of lists of the values of a query text.", f"{_MAX_FIELDS:,} fields")
def _parse_qs(budget: Budget, query: Value) -> dict[str, list[str]]:
    return urllib.parse.parse_qs(_address(budget, query), max_num_fields=_MAX_FIELDS)


@PARSE.add("parse_qsl(query)", "A list of pairs of a query text.", f"{_MAX_FIELDS:,} fields")
def _parse_qsl(budget: Budget, query: Value) -> list[tuple[str, str]]:
    return urllib.parse.parse_qsl(_address(budget, query), max_num_fields=_MAX_FIELDS)
