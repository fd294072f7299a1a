"""The stored program: one form, one hash, and bodies found by path."""

import json

import pytest

from tasks.programs.program import Program
from tests.language.programs import compiled

LOG = {"log": "x"}
EVERYTHING = [
    {"evaluate": {"a": "$ 1", "b": "x {_.a:>3}", "c": "{{_.a}}"}, "label": "first"},
    {"if": "_.a", "then": [LOG, {"foreach": {"in": "_", "do": {"log": "deep"}}}], "else": LOG},
    {"switch": [{"case": "_.a", "then": LOG}, {"case": "_", "then": {"log": "default"}}]},
    {"over": "_", "map": {"tool": "web_search", "retry": {"max_attempts": 2}}, "reduce": "results + [_]"},
    {"parallel": [LOG, [LOG, {"log": "arm"}]]},
    {"prompt": [{"role": "user", "content": "{_}"}], "unwrap": True, "timeout": 5},
    {"while": "_ < 3", "do": {"evaluate": "_ + 1"}},
    {"sleep": {"seconds": "$ 1"}},
    {"wait_for_input": {"info": {"a": "$ _"}}},
    {"get": ["a"]},
    {"set": {"a": 1}},
    {"error": "{_}"},
    {"return": "$ _"},
]


def test_program_survives_json() -> None:
    program = compiled(*EVERYTHING).program
    assert Program.load(json.loads(json.dumps(program))).dump() == program


def test_hash_depends_on_meaning_only() -> None:
    assert compiled({"log": "x"}).sha256 == compiled({"kind_": "log", "label": None, "log": "x"}).sha256
    assert compiled({"log": "x"}).sha256 != compiled({"log": "y"}).sha256
    assert len(compiled(LOG).sha256) == 64


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        (["main", 1, "then"], ["log", "foreach"]),
        (["main", 1, "then", 1, "do"], ["log"]),
        (["main", 1, "else"], ["log"]),
        (["main", 2, "case[1]"], ["log"]),
        (["main", 3, "map"], ["tool_call"]),
        (["main", 4, "parallel[1]"], ["log", "log"]),
        (["main", 6, "do"], ["evaluate"]),
    ],
)
def test_block(path: list[str | int], kinds: list[str]) -> None:
    program = Program.load(compiled(*EVERYTHING).program)
    assert [step.kind for step in program.block(path)] == kinds
    assert program.block(path) is program.block(path)


@pytest.mark.parametrize("path", [["nope"], ["main", 1, "nope"]])
def test_block_that_is_not_there(path: list[str | int]) -> None:
    with pytest.raises(KeyError):
        Program.load(compiled(*EVERYTHING).program).block(path)
