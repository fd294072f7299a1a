"""YAML bodies: plain data only, and no way to make a small text large."""

import pytest

from julep_project.core.errors import InvalidInput
from julep_project.core.reading.parsers import parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [x, 2.5, true, null, ~]", {"a": 1, "b": ["x", 2.5, True, None, None]}),
        ("when: 2026-01-31\nat: 2026-01-31T12:00:00Z", {"when": "2026-01-31", "at": "2026-01-31T12:00:00Z"}),
        ("t: 12:30:45", {"t": "12:30:45"}),
        ("on: yes\n1: one\nnull: x", {"on": True, "1": "one", "null": "x"}),
        ("a: &x {k: 1}\nb: *x\nc: {<<: *x, l: 2}", {"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1, "l": 2}}),
        ("a: |\n  line one\n  line two\n", {"a": "line one\nline two\n"}),
        ("- if: $ _.a == 1\n  then: {log: x}", [{"if": "$ _.a == 1", "then": {"log": "x"}}]),
        ("big: 123456789012345678901234567890", {"big": 123456789012345678901234567890}),
        ("a: 1e3\nb: -0x1F\nc: +5", {"a": 1000.0, "b": -31, "c": 5}),
        ('a: "x\\0y"', {"a": "xy"}),
        ("a: !!timestamp 2026-01-31", {"a": "2026-01-31"}),
        ("{}", {}),
        ("# nothing", None),
    ],
)
def test_plain_values(text: str, value: object) -> None:
    assert parse_yaml(text.encode()) == value


def _bomb(levels: int) -> str:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    for n in range(1, levels):
        lines.append(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]")
    return "\n".join(lines)


def _merge_bomb(levels: int) -> str:
    lines = ["l0: &l0 {a: 1, b: 2, c: 3}"]
    for n in range(1, levels):
        lines.append(f"l{n}: &l{n} {{<<: [{', '.join([f'*l{n - 1}'] * 9)}]}}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        "a: [1",
        "a: b: c",
        "\ta: 1",
        "a: !!python/object/apply:os.system [ls]",
        "a: !!binary aGVsbG8=",
        "a: !!set {x}",
        "a: !custom 1",
        "? [a, b]\n: 1",
        "a: .nan",
        "a: .inf",
        "--- 1\n--- 2",
        "a: &a [*a]",
        "a: *missing",
        "[" * 5000,
        "a: " + "[" * 300 + "]" * 300,
        "a: 0x" + "f" * 100_000,
        "a: " + "9" * 1300,
        "a: " + "9" * 100_000,
        _bomb(9),
        _merge_bomb(9),
        f"a: &a {'x' * 500_000}\nb: [{'*a, ' * 50_000}]",
        f"a: &a [{'x' * 250_000}, {'y' * 250_000}]\nb: [{'*a, ' * 40}]",
        f"a: &a {'x' * 900}\nb: [{'{*a : 1}, ' * 20_000}]",
    ],
)
def test_hostile_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_yaml(text.encode())
    assert caught.value.extra["details"][0]["type"] == "yaml_invalid"


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(InvalidInput):
        parse_yaml(b"a: \xff")
