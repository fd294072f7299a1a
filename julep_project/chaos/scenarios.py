"""Random programs over one whole number, made together with the result they must have."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

# What the person in front of every `wait_for_input` answers.
ANSWER = 7

# The event that somebody records for every wait for it, with the number in its data.
EVENT = "chaos.told"

# The world answers a call with its number and one more.
WORLD_ADDS = 1

# How a text begins that asks the model to call a tool of its.
USE_TOOL = "use "
USE_WORLD = f"{USE_TOOL}world"

# How many of the programs are begun by schedules.
_SCHEDULED_SHARE = 0.2

Body = list[dict[str, Any]]


@dataclass
class Scenario:
    """A task's workflows and what comes of a run of it.

    `fires`: a schedule starts so many runs of it (0: a client starts one); by its overlap policy `overlap` none is
    skipped. `fails`: a run must fail. `cancel_after`: somebody cancels it when its log has so many rows (0: nobody
    does). `calls` are the calls of the world a run makes, `single_calls` those of a tool declared `at_most_once`,
    `asked` the texts it sends to the model. `signs_in`: its runs are for a user who has to sign in first. `is_called`:
    calls of others begin its runs, and `output_of` says what each must give.
    """

    name: str
    workflows: dict[str, Body] = field(default_factory=lambda: {"main": []})
    value: int = 0
    fires: int = 0
    overlap: str = "allow"
    fails: bool = False
    cancel_after: int = 0
    calls: set[str] = field(default_factory=set)
    single_calls: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    signs_in: bool = False
    is_called: bool = False

    @property
    def main(self) -> Body:
        return self.workflows["main"]

    def fails_with(self, input_: Any) -> bool:
        """Whether a run with this input must fail."""
        return bool(input_["fails"]) if self.is_called else self.fails

    def output_of(self, input_: Any) -> int | None:
        """The output a run with this input must end with, if it is let."""
        if self.fails_with(input_):
            return None
        return int(input_["n"]) + WORLD_ADDS if self.is_called else self.value

    def new_call_id(self) -> str:
        """Tells the calls of the next step of this program from all others."""
        return f"{self.name}-{len(self.main)}"


def make_programs(seed: int, count: int) -> list[Scenario]:
    """That many programs; the same seed gives the same ones."""
    random, times = Random(seed), Random(f"times of {seed}")
    programs = [_make_program(random, f"p{number}") for number in range(count)]
    for program in programs:
        # Nobody is signed in for what a schedule begins.
        if times.random() < _SCHEDULED_SHARE and not program.signs_in:
            program.fires, program.overlap = times.randint(2, 4), times.choice(("allow", "queue_all"))
    return programs


def called_program() -> Scenario:
    """The task that programs call as a tool: it asks the world, and before that a person if its input says so."""
    called = Scenario("called", is_called=True)
    called.main.extend(
        [
            {"if": "$ _.asks", "then": {"wait_for_input": {"info": {"ask": "a number"}}}},
            {"if": "$ inputs[0].fails", "then": {"error": "as planned"}},
            {"tool": "world", "arguments": {"params": {"call": "$ inputs[0].call", "n": "$ inputs[0].n"}}},
            {"evaluate": "$ _.json.n"},
        ]
    )
    return called


def _make_program(random: Random, name: str) -> Scenario:
    program = Scenario(name, value=random.randint(0, 9))
    program.main.append({"evaluate": f"$ {program.value}"})
    for _ in range(random.randint(3, 8)):
        random.choice(_PIECES)(random, program)
    fate = random.random()
    if fate < 0.1:
        program.fails = True
        program.main.append({"error": "as planned"})
    elif fate > 0.88:
        program.cancel_after = random.randint(1, 12)
    return program


def _call(call_id: str, number: Any, tool: str = "world") -> Body:
    """Ask the world; the answer's number is the output."""
    arguments = {"params": {"call": call_id, "n": number}}
    return [{"tool": tool, "arguments": arguments}, {"evaluate": "$ _.json.n"}]


def _add(random: Random, program: Scenario) -> None:
    number = random.randint(1, 9)
    program.main.append({"evaluate": f"$ _ + {number}"})
    program.value += number


def _sleep(random: Random, program: Scenario) -> None:
    program.main.append({"sleep": round(random.uniform(0.1, 1.5), 1)})


def _choose(random: Random, program: Scenario) -> None:
    arms = [random.randint(1, 9), random.randint(1, 9)]
    then, otherwise = ([{"evaluate": f"$ _ + {arm}"}, {"evaluate": "$ _ + 1"}] for arm in arms)
    program.main.append({"if": "$ _ % 2 == 0", "then": then, "else": otherwise})
    program.value += arms[program.value % 2] + 1


def _remember(random: Random, program: Scenario) -> None:
    key = f"key{len(program.main)}"
    program.main.extend([{"set": {key: "$ _"}}, {"evaluate": f"$ state.{key} + 1"}])
    program.value += 1


def _remember_together(random: Random, program: Scenario) -> None:
    """Arms that set keys of their own at the same time: none may be lost."""
    keys = [f"key{len(program.main)}of{arm}" for arm in range(random.randint(2, 6))]
    arms: list[Body] = [[{"set": {key: "$ _"}}] for key in keys]
    program.main.extend([{"parallel": arms}, {"evaluate": f"$ {' + '.join(f'state.{key}' for key in keys)}"}])
    program.value *= len(keys)


def _ask(random: Random, program: Scenario) -> None:
    wait: dict[str, Any] = {"info": {"ask": "a number"}}
    if random.random() < 0.3:  # whether the answer or the time comes first must not matter
        wait |= {"timeout": random.randint(1, 3), "on_timeout": {"n": ANSWER}}
    program.main.extend([{"wait_for_input": wait}, {"evaluate": "$ _.n"}])
    program.value = ANSWER


def _ask_many(random: Random, program: Scenario) -> None:
    items = list(range(random.randint(2, 4)))
    body: Body = [{"wait_for_input": {"info": {"ask": "$ _"}}}, {"evaluate": "$ _.n"}]
    program.main.extend([{"over": f"$ {items}", "map": body, "parallelism": 3}, {"evaluate": "$ sum(_)"}])
    program.value = ANSWER * len(items)


def _await_event(random: Random, program: Scenario) -> None:
    """One event for all runs of the program, some of which begin when it is there already."""
    match = {"call": program.new_call_id()}
    program.main.extend(
        [{"wait_for_event": {"name": EVENT, "match": match, "since": 86_400}}, {"evaluate": "$ _.data.n"}]
    )
    program.value = ANSWER


def _emit_beside(random: Random, program: Scenario) -> None:
    """Waits beside the step that emits what they wait for; what comes after them waits for another event."""
    call = program.new_call_id()
    wait: Body = [{"wait_for_event": {"name": "chaos.said", "match": {"call": call}}}, {"evaluate": "$ _.data.n"}]
    emits: Body = [
        {"sleep": round(random.uniform(0.1, 1.0), 1)},
        {"emit": {"name": "chaos.said", "data": {"call": call, "n": program.value}}},
        {"evaluate": "$ _.data.n"},
    ]
    program.main.extend([{"parallel": [wait, emits, wait]}, {"evaluate": "$ sum(_)"}])
    program.value *= 3


def _call_world(random: Random, program: Scenario) -> None:
    call_id = program.new_call_id()
    program.main.extend(_call(call_id, "$ _"))
    program.calls.add(f"{call_id}:{program.value}")
    program.value += WORLD_ADDS


def _call_server(random: Random, program: Scenario) -> None:
    """The world as a tool of an MCP server."""
    call_id = program.new_call_id()
    program.main.extend([{"tool": "sea__world", "arguments": {"call": call_id, "n": "$ _"}}, {"evaluate": "$ _.n"}])
    program.calls.add(f"{call_id}:{program.value}")
    program.value += WORLD_ADDS


def _call_once(random: Random, program: Scenario) -> None:
    call_id = program.new_call_id()
    program.main.extend(_call(call_id, "$ _", "once"))
    program.single_calls.add(f"{call_id}:{program.value}")
    program.value += WORLD_ADDS


def _call_again(random: Random, program: Scenario) -> None:
    """A call that fails the first time in a way that only a `retry` of the step covers."""
    call_id = program.new_call_id()
    call, answer = _call(call_id, "$ _", "flaky")
    program.main.extend([{**call, "retry": {"max_attempts": 25, "initial_s": 0.1, "max_s": 1}}, answer])
    program.calls.add(f"{call_id}:{program.value}")
    program.value += WORLD_ADDS


def _call_client(random: Random, program: Scenario) -> None:
    program.main.extend([{"tool": "person", "arguments": {"n": "$ _"}}, {"evaluate": "$ _.n"}])
    program.value += WORLD_ADDS


def _ask_model_with_tools(random: Random, program: Scenario) -> None:
    """The model asks the world and says what it heard."""
    call_id = program.new_call_id()
    prompt = {"prompt": f"$ f'{USE_WORLD} {call_id}:{{_}}'", "tools": ["world"], "auto_run_tools": True, "unwrap": True}
    program.main.extend([prompt, {"evaluate": "$ int(_)"}])
    program.asked.add(f"{USE_WORLD} {call_id}:{program.value}")
    program.calls.add(f"{call_id}:{program.value}")
    program.value += WORLD_ADDS


def _call_task(random: Random, program: Scenario) -> None:
    """Another task as a tool, whose run asks somebody, or fails, which is caught."""
    call_id, fate = program.new_call_id(), random.random()
    given = {"call": call_id, "n": "$ _", "asks": fate < 0.3, "fails": fate > 0.8}
    call = {"tool": "called", "arguments": given}
    if given["fails"]:
        program.main.append({"try": [call], "catch": {"evaluate": "$ _ + 5"}})
        program.value += 5
        return
    program.main.append(call)
    program.calls.add(f"{call_id}:{program.value}")
    program.value += WORLD_ADDS


def _call_tasks(random: Random, program: Scenario) -> None:
    """Runs beside each other, begun by one that waits for them all."""
    items, call_id = random.sample(range(100), random.randint(2, 4)), program.new_call_id()
    given = {"call": call_id, "n": "$ _", "asks": False, "fails": False}
    step = {"over": f"$ {items}", "map": [{"tool": "called", "arguments": given}], "parallelism": 3}
    program.main.extend([step, {"evaluate": "$ sum(_)"}])
    program.calls |= {f"{call_id}:{item}" for item in items}
    program.value = sum(item + WORLD_ADDS for item in items)


def _talk_to_agent(random: Random, program: Scenario) -> None:
    """Another agent as a tool, which asks the world or not, in one conversation or in a new one."""
    call_id, use = program.new_call_id(), random.choice((f"{USE_WORLD} ", ""))
    call = {"tool": random.choice(("friend", "stranger")), "arguments": {"message": f"$ f'{use}{call_id}:{{_}}'"}}
    program.main.extend([call, {"evaluate": "$ int(_)"}])
    program.asked.add(f"{use}{call_id}:{program.value}")
    if use:
        program.calls.add(f"{call_id}:{program.value}")
    program.value += WORLD_ADDS


def _talk_at_once(random: Random, program: Scenario) -> None:
    """Calls of one conversation beside each other: each has its turn."""
    items, call_id = random.sample(range(100), random.randint(2, 3)), program.new_call_id()
    call = {"tool": "friend", "arguments": {"message": f"$ f'{call_id}:{{_}}'"}}
    step = {"over": f"$ {items}", "map": [call, {"evaluate": "$ int(_)"}], "parallelism": 3}
    program.main.extend([step, {"evaluate": "$ sum(_)"}])
    program.asked |= {f"{call_id}:{item}" for item in items}
    program.value = sum(item + WORLD_ADDS for item in items)


def _call_signed(random: Random, program: Scenario) -> None:
    """A call in somebody's name, for which they have to sign in, and again when their token is lost."""
    call_id = program.new_call_id()
    program.main.extend(_call(call_id, "$ _", "signed"))
    program.calls.add(f"{call_id}:{program.value}")
    program.value += WORLD_ADDS
    program.signs_in = True


def _ask_model(random: Random, program: Scenario) -> None:
    call_id = program.new_call_id()
    program.main.extend([{"prompt": f"$ f'{call_id}:{{_}}'", "unwrap": True}, {"evaluate": "$ int(_)"}])
    program.asked.add(f"{call_id}:{program.value}")
    program.value += WORLD_ADDS


def _map(random: Random, program: Scenario) -> None:
    items = random.sample(range(100), random.randint(2, 9))
    call_id = program.new_call_id()
    step = {"over": f"$ {items}", "map": _call(call_id, "$ _"), "parallelism": random.randint(1, 5)}
    program.main.extend([step, {"evaluate": "$ sum(_)"}])
    program.calls |= {f"{call_id}:{item}" for item in items}
    program.value = sum(item + WORLD_ADDS for item in items)


def _map_in_map(random: Random, program: Scenario) -> None:
    rows = [random.sample(range(row, row + 100), random.randint(1, 3)) for row in (0, 100, 200)]
    call_id = program.new_call_id()
    inner = {"over": "$ _", "map": _call(call_id, "$ _"), "parallelism": random.randint(1, 3)}
    outer = {"over": f"$ {rows}", "map": [inner, {"evaluate": "$ sum(_)"}], "parallelism": random.randint(1, 3)}
    program.main.extend([outer, {"evaluate": "$ sum(_)"}])
    items = [item for row in rows for item in row]
    program.calls |= {f"{call_id}:{item}" for item in items}
    program.value = sum(item + WORLD_ADDS for item in items)


def _turns(random: Random, program: Scenario) -> None:
    items = random.sample(range(100), random.randint(1, 5))
    call_id = program.new_call_id()
    program.main.extend([{"foreach": {"in": f"$ {items}", "do": _call(call_id, "$ _")}}, {"evaluate": "$ sum(_)"}])
    program.calls |= {f"{call_id}:{item}" for item in items}
    program.value = sum(item + WORLD_ADDS for item in items)


def _while(random: Random, program: Scenario) -> None:
    call_id, last = program.new_call_id(), program.value + random.randint(1, 4)
    program.main.append({"while": f"$ _ < {last}", "do": _call(call_id, "$ _")})
    program.calls |= {f"{call_id}:{number}" for number in range(program.value, last)}
    program.value = last


def _try(random: Random, program: Scenario) -> None:
    call_id = program.new_call_id()
    body = [*_call(call_id, "$ _"), *([{"error": "to be caught"}] if random.random() < 0.5 else [])]
    program.main.append({"try": body, "catch": {"evaluate": "$ _ + 5"}, "finally": {"sleep": 0.1}})
    program.calls.add(f"{call_id}:{program.value}")
    program.value += 5 if body[-1].get("error") else WORLD_ADDS


def _try_arms(random: Random, program: Scenario) -> None:
    """One arm fails while the other sleeps: the other is cancelled, the failure caught."""
    arms: list[Body] = [[{"sleep": 600}], [{"sleep": 0.2}, {"error": "to be caught"}]]
    program.main.append({"try": [{"parallel": arms}], "catch": {"evaluate": "$ _ + 5"}})
    program.value += 5


def _arms(random: Random, program: Scenario) -> None:
    call_id = program.new_call_id()
    arms: list[Body] = [
        [{"sleep": 0.3}, {"evaluate": "$ _ + 1"}],
        [{"evaluate": "$ _ + 2"}],
        _call(call_id, "$ _"),
    ]
    program.main.extend([{"parallel": arms}, {"evaluate": "$ sum(_)"}])
    program.calls.add(f"{call_id}:{program.value}")
    program.value = 3 * program.value + 1 + 2 + WORLD_ADDS


def _below(random: Random, program: Scenario) -> None:
    """Another workflow, which calls the world and itself until it has counted down."""
    call_id, name, turns = program.new_call_id(), f"below{len(program.workflows)}", random.randint(1, 3)
    again = {"workflow": name, "arguments": {"n": "$ _", "left": "$ inputs[0].left - 1"}}
    program.workflows[name] = [
        {"if": "$ _.left == 0", "then": {"return": "$ _.n"}},
        {"evaluate": "$ _.n"},
        *_call(call_id, "$ _"),
        again,
    ]
    program.main.append({"workflow": name, "arguments": {"n": "$ _", "left": turns}})
    program.calls |= {f"{call_id}:{program.value + turn * WORLD_ADDS}" for turn in range(turns)}
    program.value += turns * WORLD_ADDS


_PIECES: list[Callable[[Random, Scenario], None]] = [
    _add, _sleep, _choose, _remember, _remember_together, _ask, _ask_many, _await_event, _emit_beside, _call_world,
    _call_world, _call_server, _call_once,
    _call_task, _call_tasks, _talk_to_agent, _talk_at_once, _call_signed,
    _call_again, _call_client, _ask_model, _ask_model_with_tools, _map, _map, _map_in_map, _turns, _while, _try,
    _try_arms, _arms, _below,
]  # fmt: skip
