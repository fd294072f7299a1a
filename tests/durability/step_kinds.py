"""Every step kind, some also in the lanes of a map, each with the result it must have whatever crashes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# What the person in front of every `wait_for_input` answers.
ANSWER = {"n": 7}
ITEMS = [{"n": 1}, {"n": 2}]

Body = list[dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """A body that runs one step kind with `{n}` as its input, and the output it gives then.

    `error`: the run must fail with this. `ends`: it ends the run with that output from wherever it stands. `calls`:
    kinds of work outside the database on its way. `forks`: it has children of its own.
    """

    name: str
    body: Body
    gives: Callable[[int], Any] = lambda n: None
    error: str | None = None
    ends: Any = None
    calls: bool = False
    forks: bool = False
    more: dict[str, Any] = field(default_factory=dict)


def _call(tool: str = "world") -> dict[str, Any]:
    return {"tool": tool, "arguments": {"params": {"n": "$ _.n", "run": "$ execution.id"}}}


ADD = {"evaluate": {"n": "$ _.n + 1"}}
READ: dict[str, Any] = {"evaluate": {"n": "$ _.json.n"}}
FAIL = {"error": "as planned"}


def _same(n: int) -> Any:
    return {"n": n}


def _next(n: int) -> Any:
    return {"n": n + 1}


KINDS = [
    Kind("evaluate", [ADD], _next),
    Kind("tool_call", [_call(), READ], _next, calls=True),
    Kind("at_most_once", [_call("once"), READ], _next, calls=True),
    Kind("approval", [_call("asked"), READ], _next, calls=True),
    Kind("prompt", [{"prompt": "$ f'Say {_.n}'", "unwrap": True}], lambda n: f"Say {n}", calls=True),
    Kind("get", [{"set": {"kept": 5}}, {"get": "kept"}], lambda n: 5),
    Kind("set", [{"set": {"kept": 5}}, {"evaluate": "$ state.kept"}], lambda n: 5),
    Kind(
        "increment",
        [{"increment": {"n": 5}, "append": {"l": 1}}, {"evaluate": "$ [state.n, state.l]"}],
        lambda n: [5, [1]],
    ),
    Kind("log", [{"log": "{_.n} it is"}], _same),
    Kind("error", [FAIL], error="as planned"),
    Kind("return", [{"return": {"ended": True}}, ADD], ends={"ended": True}),
    Kind("sleep", [{"sleep": 0.2}, ADD], _next),
    Kind("wait_for_input", [{"wait_for_input": {"info": "$ _"}}], lambda n: ANSWER),
    Kind(
        "wait_for_event",
        [
            {"emit": {"name": "passed", "data": {"n": "$ _.n"}}},
            {"wait_for_event": {"name": "passed", "match": {"n": "$ _.data.n"}}},
            {"evaluate": "$ _.data"},
        ],
        _same,
        calls=True,
    ),
    Kind("emit", [{"emit": {"name": "told", "data": {"n": "$ _.n"}}}, {"evaluate": "$ _.data"}], _same, calls=True),
    Kind("yield", [{"workflow": "below"}, ADD], lambda n: {"n": n + 2}, calls=True, more={"below": [_call(), READ]}),
    Kind("if_else", [{"if": "$ _.n > 0", "then": [_call(), READ], "else": FAIL}], _next, calls=True),
    Kind("switch", [{"switch": [{"case": "$ _.n > 9", "then": FAIL}, {"case": "_", "then": ADD}]}], _next),
    Kind(
        "foreach",
        [{"foreach": {"in": "$ [{'n': _.n}, {'n': _.n + 10}]", "do": [_call(), READ]}}],
        lambda n: [{"n": n + 1}, {"n": n + 11}],
        calls=True,
    ),
    Kind(
        "map_reduce",
        [
            {
                "over": "$ [{'n': _.n}, {'n': _.n + 10}]",
                "map": [_call(), READ],
                "reduce": "$ results + _.n",
                "initial": 0,
                "parallelism": 1,
            }
        ],
        lambda n: 2 * n + 12,
        calls=True,
        forks=True,
    ),
    Kind("parallel", [{"parallel": [ADD, [_call(), READ]]}], lambda n: [_next(n), _next(n)], calls=True, forks=True),
    Kind("while", [{"while": "$ _.n < 4", "do": ADD}], lambda n: {"n": 4}),
    Kind("try", [{"try": [_call(), FAIL], "catch": ADD, "finally": {"log": "ended"}}], _next, calls=True),
    Kind("embed", [{"embed": {"text": "tea"}}, {"evaluate": "$ len(_.vectors)"}], lambda n: 1, calls=True),
    Kind("search", [{"search": {"text": "tea"}}, {"evaluate": "$ len(_.docs)"}], lambda n: 0, calls=True),
]


# One for each way a child can go on, wait and end.
IN_LANES = {"evaluate", "tool_call", "at_most_once", "error", "return", "sleep", "wait_for_input", "try"}


@dataclass(frozen=True)
class Program:
    """A task's workflows and how a run of it with `ITEMS[0]` must end."""

    name: str
    kind: Kind
    workflows: dict[str, Any]
    output: Any

    @property
    def expected(self) -> tuple[str, Any, str | None]:
        """Status, output and error of the run."""
        return ("failed", None, self.kind.error) if self.kind.error else ("succeeded", self.output, None)


def _alone(kind: Kind) -> Program:
    output = kind.ends or kind.gives(ITEMS[0]["n"])
    return Program(kind.name, kind, {"main": kind.body, **kind.more}, output)


def _in_lanes(kind: Kind) -> Program:
    main = [{"over": f"$ {ITEMS}", "map": kind.body, "parallelism": 2}]
    output = kind.ends or [kind.gives(item["n"]) for item in ITEMS]
    return Program(f"{kind.name} in lanes", kind, {"main": main, **kind.more}, output)


PROGRAMS = {
    program.name: program
    for program in [*map(_alone, KINDS), *(_in_lanes(kind) for kind in KINDS if kind.name in IN_LANES)]
}
