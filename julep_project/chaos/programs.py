"""Random programs over one whole number, made together with the result they must have."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

# What the person in front of every `wait_for_input` answers.
ANSWER = 7

# The world answers a call with its number and one more.
WORLD_ADDS = 1

Body = list[dict[str, Any]]


@dataclass
class Program:
    """A task body and what comes of it. `output` is None when it must fail; `calls` are the world calls it makes."""

    name: str
    main: Body = field(default_factory=list)
    value: int = 0
    fails: bool = False
    calls: set[str] = field(default_factory=set)

    @property
    def output(self) -> int | None:
        """The output a run must end with."""
        return None if self.fails else self.value

    def call(self, call_id: str, number: Any) -> dict[str, Any]:
        """A step that asks the world."""
        return {"tool": "world", "arguments": {"params": {"call": call_id, "n": number}}}


def make_programs(seed: int, count: int) -> list[Program]:
    """That many programs; the same seed gives the same ones."""
    random = Random(seed)
    return [_make_program(random, f"p{number}") for number in range(count)]


def _make_program(random: Random, name: str) -> Program:
    program = Program(name, value=random.randint(0, 9))
    program.main.append({"evaluate": f"$ {program.value}"})
    for _ in range(random.randint(3, 8)):
        random.choice(_PIECES)(random, program)
    if random.random() < 0.1:
        program.fails = True
        program.main.append({"error": "as planned"})
    return program


def _add(random: Random, program: Program) -> None:
    number = random.randint(1, 9)
    program.main.append({"evaluate": f"$ _ + {number}"})
    program.value += number


def _sleep(random: Random, program: Program) -> None:
    program.main.append({"sleep": round(random.uniform(0.1, 1.5), 1)})


def _choose(random: Random, program: Program) -> None:
    arms = [random.randint(1, 9), random.randint(1, 9)]
    then, otherwise = ([{"evaluate": f"$ _ + {arm}"}, {"evaluate": "$ _ + 1"}] for arm in arms)
    program.main.append({"if": "$ _ % 2 == 0", "then": then, "else": otherwise})
    program.value += arms[program.value % 2] + 1


def _remember(random: Random, program: Program) -> None:
    key = f"key{len(program.main)}"
    program.main += [{"set": {key: "$ _"}}, {"evaluate": f"$ state.{key} + 1"}]
    program.value += 1


def _ask(random: Random, program: Program) -> None:
    program.main += [{"wait_for_input": {"info": {"ask": "a number"}}}, {"evaluate": "$ _.n"}]
    program.value = ANSWER


def _call(random: Random, program: Program) -> None:
    call_id = _call_id(program)
    program.main += [program.call(call_id, "$ _"), {"evaluate": "$ _.json.n"}]
    program.calls.add(f"{call_id}:{program.value}")
    program.value += WORLD_ADDS


def _map(random: Random, program: Program) -> None:
    items = random.sample(range(100), random.randint(2, 9))
    call_id = _call_id(program)
    step = {"over": f"$ {items}", "map": program.call(call_id, "$ _"), "parallelism": random.randint(1, 5)}
    program.main += [step, {"evaluate": "$ sum([answer.json.n for answer in _])"}]
    program.calls |= {f"{call_id}:{item}" for item in items}
    program.value = sum(item + WORLD_ADDS for item in items)


def _turns(random: Random, program: Program) -> None:
    items = random.sample(range(100), random.randint(1, 5))
    call_id = _call_id(program)
    body = [program.call(call_id, "$ _"), {"evaluate": "$ _.json.n"}]
    program.main += [{"foreach": {"in": f"$ {items}", "do": body}}, {"evaluate": "$ sum(_)"}]
    program.calls |= {f"{call_id}:{item}" for item in items}
    program.value = sum(item + WORLD_ADDS for item in items)


def _arms(random: Random, program: Program) -> None:
    call_id = _call_id(program)
    arms: list[Body] = [
        [{"sleep": 0.3}, {"evaluate": "$ _ + 1"}],
        [{"evaluate": "$ _ + 2"}],
        [program.call(call_id, "$ _"), {"evaluate": "$ _.json.n"}],
    ]
    program.main += [{"parallel": arms}, {"evaluate": "$ sum(_)"}]
    program.calls.add(f"{call_id}:{program.value}")
    program.value = 3 * program.value + 1 + 2 + WORLD_ADDS


_PIECES: list[Callable[[Random, Program], None]] = [
    _add, _add, _sleep, _choose, _remember, _ask, _call, _call, _map, _turns, _arms
]  # fmt: skip


def _call_id(program: Program) -> str:
    """Tells the calls of one step of one program from all others."""
    return f"{program.name}-{len(program.main)}"
