"""JSON of others: counted before it is read."""

import json
import random

import pytest

from julep_project.core.reading import outside_json
from julep_project.core.reading.outside_json import Bounds, TooMuchJson, check_json, read_json

_WIDE = 10**9


def _counted(raw: bytes) -> tuple[int, int, int]:
    """Depth, containers and elements, character by character."""
    depth = deepest = containers = commas = place = 0
    in_string = False
    while place < len(raw):
        character = chr(raw[place])
        if in_string:
            place += character == "\\"
            in_string = character != '"'
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth, containers = depth + 1, containers + 1
            deepest = max(deepest, depth)
        else:
            depth -= character in "]}"
            commas += character == ","
        place += 1
    return deepest, containers, containers + commas


def _passes(raw: bytes, depth: int = _WIDE, containers: int = _WIDE, elements: int = _WIDE) -> bool:
    try:
        check_json(raw, Bounds(depth, containers, elements))
    except TooMuchJson:
        return False
    return True


def _random_text(chance: random.Random) -> bytes:
    inside = ["a", "[", "]", "{", ",", '\\"', "\\\\", "\\u00e9"]
    parts = ["[", "]", "{", "}", ",", "1"]
    pieces = [
        chance.choice(parts)
        if chance.random() < 0.7
        else '"' + "".join(chance.choice(inside) for _ in range(chance.randrange(6))) + '"'
        for _ in range(chance.randrange(14))
    ]
    return ("".join(pieces) + ('"[a' if chance.random() < 0.2 else "")).encode()


@pytest.mark.parametrize("slice_size", [1, 2, 3, 7, 64])
def test_the_counts_are_exact_wherever_the_text_is_cut(slice_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_json, "_SLICE", slice_size)
    chance = random.Random(slice_size)
    for _ in range(2000):
        raw = _random_text(chance)
        depth, containers, elements = _counted(raw)
        assert _passes(raw, depth, containers, elements), raw
        assert not depth or not _passes(raw, depth=depth - 1), raw
        assert not containers or not _passes(raw, containers=containers - 1), raw
        assert not elements or not _passes(raw, elements=elements - 1), raw


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 201 + "]" * 201, "nested deeper than 200 levels"),
        ('{"a":' * 201 + "1" + "}" * 201, "nested deeper than 200 levels"),
        ("[" + "[]," * 200_000 + "1]", "more than 200,000 objects and arrays"),
        ("[" + "1," * 500_000 + "1]", "more than 500,000 elements"),
    ],
)
def test_what_is_too_much(text: str, reason: str) -> None:
    with pytest.raises(TooMuchJson, match=reason):
        read_json(text)


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True, 'x"[\\', 10**30]},
        json.loads("[" * 200 + "]" * 200),
        [[]] * 100_000,
        ["[" * 300, "{" * 300],
        {"\\": "[[" * 200, "b": 12345678901234567890},
    ],
)
def test_what_is_read(value: object) -> None:
    assert read_json(json.dumps(value)) == value
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "text", ["", "[", "NaN", "[Infinity]", "12345678901234567890, NaN", '"\\ud800"', "1e999", "9" * 5000, "\ud800"]
)
def test_what_is_not_json(text: str) -> None:
    with pytest.raises(ValueError):
        read_json(text)


def test_a_long_number_is_found_at_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_json, "_SLICE", 40)
    number = 9876543210987654321098
    for blanks in range(100):
        assert read_json(" " * blanks + f"[{number}]") == [number]


def test_others_may_run_between_long_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(outside_json, "_whole", lambda digits: read.append(digits) or int(digits))
    monkeypatch.setattr(outside_json.json, "dumps", None)
    number = 10**1199
    text = b'["\\u0061", ' + b", ".join([str(number).encode()] * 5) + b"]"

    assert read_json(text) == ["a", *[number] * 5]
    assert len(read) == 5


@pytest.mark.parametrize("sign", ["", "-"])
def test_whole_numbers_have_a_bound(sign: str) -> None:
    longest = (1 << outside_json.MAX_INTEGER_BITS) - 1
    assert read_json(f"[{sign}{longest}]") == [int(f"{sign}1") * longest]
    for digits in (str(longest + 1), "9" * 4200, "9" * 100_000):
        with pytest.raises(ValueError, match="a whole number has more than 4,096 bits"):
            read_json(f"[{sign}{digits}]")
