"""Mistakes of the language's first implementation that must not come back, each named where it is tested.

A program or a test that would find one ends the line of its name with `# D1`, or with several: `# D30 D31`.
"""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
TAG = re.compile(r"#((?: D\d+)+)$", re.MULTILINE)

MISTAKES = {
    "D1": "tools of the agent are not found",
    "D2": "an `error` at the end of a run ends it as succeeded",
    "D3": "an answer to a wait is not recorded as `resume`",
    "D4": "a map directly in `then` or `else` is refused",
    "D5": "the default case depends on the input",
    "D6": "a call of `main` leaves the run running for ever",
    "D7": "`get` gives null",
    "D8": "a log shows its text before it is filled in",
    "D9": "`reduce` follows other rules beside others than one by one, and renames every underscore",
    "D10": "`reduce` beside others leaves the sandbox",
    "D11": "system tools that create or update take no plain object",
    "D12": "arguments in the definition of a tool are dropped",
    "D13": "tools are not sent to the model",
    "D14": "tools named or written in a prompt fail",
    "D15": "a conversation with tools breaks in its second round",
    "D16": "the error of a run is null and its text stands in the output",
    "D17": "an output that is no JSON leaves the run running",
    "D18": "most fields of an api call are ignored",
    "D19": "headers of the definition win over those of the call",
    "D20": "only the first hundred steps can be read",
    "D21": "steps of two weeks ago disappear",
    "D22": "waits of more than fifteen minutes start again",
    "D23": "expressions have no limit of time",
    "D24": "deeply nested steps have names that are too long",
    "D25": "only one wait may be open, and nothing may fail beside it",
    "D26": "a second failure overwrites the first",
    "D27": "failures of tools that will not pass are tried again for an hour",
    "D28": "a `setup` fails a provider that needs none",
    "D29": "preset arguments have two spellings",
    "D30": "the stream of the log misses its end",
    "D31": "the stream of the log is no JSON",
    "D32": "runs over midnight are counted twice",
    "D33": "a run is recorded with another version than it runs",
    "D34": "runs of other tenants can be read",
    "D35": "problems of a task are one text",
    "D36": "steps of further workflows come back with other keys",
    "D37": "the check knows other names than the run",
    "D38": "braces, quotes and JSON in texts break them",
    "D39": "harmless functions are missing",
    "D40": "spellings of the documents are refused",
    "D41": "the `reduce` of the documents fails",
    "D42": "functions change the process or reach outside",
    "D43": "values of more than 64 KB fail",
    "D45": "operations of system tools are declared and not there",
    "D46": "tasks cannot be changed or removed, and waits not answered by their token",
    "D47": "templates are read as text with holes",
}
# Why a number that is missing above has nothing to be tested.
ELSEWHERE = {
    "D44": "an off-by-one in the quota of a free tier; this server has no tiers",
}


def test_every_mistake_is_named_by_a_program_or_a_test() -> None:
    files = [*TESTS.rglob("*.py"), *TESTS.rglob("*.yaml")]
    tagged = {tag for file in files for tags in TAG.findall(file.read_text()) for tag in tags.split()}

    assert tagged == MISTAKES.keys()


def test_no_number_is_left_out() -> None:
    assert sorted(MISTAKES.keys() | ELSEWHERE.keys()) == sorted(f"D{number}" for number in range(1, 48))
