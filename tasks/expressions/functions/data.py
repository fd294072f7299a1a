"""Reading and writing JSON, YAML and CSV."""

import csv
import io
import json
import math
import re
from itertools import islice
from typing import Any, NoReturn

from julep_project.core.reading.outside_json import Bounds, TooMuchJson, check_json
from tasks.expressions.callables import Group
from tasks.expressions.errors import LimitExceeded
from tasks.expressions.functions.yaml_text import dump_yaml_text, load_yaml_text
from tasks.expressions.keys import object_of
from tasks.expressions.limits import MAX_DATA_DEPTH, MAX_ITEMS, MAX_PARSER_INPUT, MAX_STRING, Budget
from tasks.expressions.measure import measure, to_plain
from tasks.expressions.operators import is_true
from tasks.expressions.values import Value, fail, take_list, type_name

GROUP = Group("Data")
JSON = Group("json", prefix="json.")
YAML = Group("yaml", prefix="yaml.")
CSV = Group("csv", prefix="csv.")

_MAX_INDENT = 16
_JSON_SIZE_PER_CHARACTER = 16
_LOAD_BOUND = f"{MAX_PARSER_INPUT:,} characters, {MAX_DATA_DEPTH} levels"
_DUMP_BOUND = f"{MAX_STRING:,} characters"
_FENCE_MARK = "```"
_JSON_FENCE = re.compile(r"```[ \t]*json[c5]?(?![\w-])\s*", re.IGNORECASE)
_FENCE = re.compile(r"```(?:[ \t]*[\w+-]*[ \t]*(?=\r?\n))?\s*")
# Of an object or list: its brackets, and its texts as a whole.
_JSON_MARKS = re.compile(r'[{}\[\]]|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NESTING = {"{": 1, "[": 1, "}": -1, "]": -1}
# Where JSON in the midst of a text may begin: on a line of its own, or as an object with a key.
_OPENING = re.compile(r'^[ \t]*[{\[]|\{(?=\s*")', re.MULTILINE)
_MAX_OPENINGS = 20
# Programs that write files for spreadsheets put it before the text.
_BYTE_ORDER_MARK = "\ufeff"
_JSON_BOUNDS = Bounds(depth=MAX_DATA_DEPTH, containers=MAX_ITEMS, elements=MAX_ITEMS)


def parser_input(budget: Budget, text: Value) -> str:
    if type(text) is not str:
        fail("TypeError", f"only text can be parsed, not {type_name(text)}")
    if len(text) > MAX_PARSER_INPUT:
        raise LimitExceeded(f"at most {MAX_PARSER_INPUT:,} characters can be parsed")
    budget.charge_text(2 * len(text))
    return text.removeprefix(_BYTE_ORDER_MARK)


def _refuse_constant(name: str) -> NoReturn:
    fail("ValueError", f"{name} is not JSON")


def _parse_json(budget: Budget, text: Value, *, strict: bool = True) -> Value:
    source = parser_input(budget, text)
    budget.grow(_JSON_SIZE_PER_CHARACTER * len(source))
    # Every element follows one of these marks; counting them in texts too only errs on the safe side.
    budget.grow_items(sum(source.count(mark) for mark in ",[{"))
    try:
        check_json(source.encode("utf-8", "surrogatepass"), _JSON_BOUNDS)
        value = json.loads(source, strict=strict, parse_constant=_refuse_constant)
    except TooMuchJson as error:
        raise LimitExceeded(f"the JSON is too much: {error}") from None
    except json.JSONDecodeError as error:
        fail("ValueError", f"the text is not JSON: {error}")
    measure(value, budget)
    return value


def _load_json(budget: Budget, text: Value) -> Value:
    return _parse_json(budget, text)


GROUP.add("load_json(text)", "The value of a JSON text.", _LOAD_BOUND)(_load_json)
JSON.add("loads(text)", "The value of a JSON text.", _LOAD_BOUND)(_load_json)


def _dump_json(
    budget: Budget,
    value: Value,
    *,
    indent: Value = None,
    sort_keys: Value = False,
    ensure_ascii: Value = True,
    separators: Value = None,
) -> str:
    plain = to_plain(value, budget)
    width = _indent_width(indent)
    elements = budget.fuel
    size = measure(plain, budget)
    elements -= budget.fuel
    if width is not None:
        # Indented output is written by Python code, element by element.
        budget.charge(8 * elements)
        size += elements * (1 + width * _depth(plain))
    budget.grow_text(size)
    text = json.dumps(
        plain,
        indent=indent,
        sort_keys=is_true(sort_keys),
        ensure_ascii=is_true(ensure_ascii),
        separators=_separators(separators),
        allow_nan=False,
    )
    budget.grow_text(len(text))
    return text


def _depth(value: Value) -> int:
    if type(value) is dict:
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if type(value) is list else 0


def _indent_width(indent: Value) -> int | None:
    if indent is None:
        return None
    if type(indent) is str and len(indent) <= _MAX_INDENT:
        return len(indent)
    if type(indent) in (int, bool) and indent <= _MAX_INDENT:
        return max(0, int(indent))
    fail("ValueError", f"indent may be at most {_MAX_INDENT}")


def _separators(separators: Value) -> tuple[str, str] | None:
    if separators is None:
        return None
    if len(separators) != 2 or not all(type(text) is str and len(text) <= 4 for text in separators):
        fail("ValueError", "separators are two short texts")
    return tuple(separators)


_DUMP_JSON = "(value, indent=None, sort_keys=False, ensure_ascii=True, separators=None)"
GROUP.add(f"dump_json{_DUMP_JSON}", "The value as JSON text.", _DUMP_BOUND)(_dump_json)
JSON.add(f"dumps{_DUMP_JSON}", "The value as JSON text.", _DUMP_BOUND)(_dump_json)


@GROUP.add(
    "extract_json(text)",
    "The value of a JSON text, or of the first fenced JSON block in a text, or of the first object or list in it.",
    _LOAD_BOUND,
)
def _extract_json(budget: Budget, text: Value) -> Value:
    source = parser_input(budget, text).strip()
    if _json_end(budget, source, 0) == len(source):
        return _parse_json(budget, source, strict=False)
    fence = _JSON_FENCE.search(source) or _FENCE.search(source)
    if fence is not None:
        return _parse_json(budget, _fenced(budget, source, fence.end()), strict=False)
    openings = () if source.startswith('"') else islice(_OPENING.finditer(source), _MAX_OPENINGS)
    for opening in openings:
        begin = opening.end() - 1
        end = _json_end(budget, source, begin)
        if end is not None:
            return _parse_json(budget, source[begin:end], strict=False)
    return _parse_json(budget, source, strict=False)


def _fenced(budget: Budget, source: str, begin: int) -> str:
    """What stands between the fences; one inside a text of the JSON does not end it."""
    end = _json_end(budget, source, begin)
    close = source.find(_FENCE_MARK, end or begin)
    if close < 0:
        fail("ValueError", "the fenced block never ends")
    return source[begin : end or close].strip()


def _json_end(budget: Budget, source: str, begin: int) -> int | None:
    """Where the object or list that begins there ends, by its brackets and quotes; nothing if it never does."""
    if source[begin : begin + 1] not in ("{", "["):
        return None
    budget.charge_text(len(source) - begin)
    depth = 0
    for place in _JSON_MARKS.finditer(source, begin):
        budget.charge(1)
        depth += _NESTING.get(place[0], 0)
        if depth == 0:
            return place.end()
    return None


def _load_yaml(budget: Budget, text: Value) -> Value:
    return load_yaml_text(budget, parser_input(budget, text))


GROUP.add("load_yaml(text)", "The value of a YAML text; dates stay text.", _LOAD_BOUND)(_load_yaml)
for _name in ("load", "safe_load"):
    YAML.add(f"{_name}(text)", "The value of a YAML text; dates stay text.", _LOAD_BOUND)(_load_yaml)


def _dump_yaml(
    budget: Budget,
    value: Value,
    *,
    sort_keys: Value = True,
    allow_unicode: Value = False,
    default_flow_style: Value = False,
    indent: Value = None,
) -> str:
    width = _indent_width(indent)
    options: dict[str, Any] = {
        "sort_keys": is_true(sort_keys),
        "allow_unicode": is_true(allow_unicode),
        "default_flow_style": is_true(default_flow_style),
        "indent": width,
    }
    plain = to_plain(value, budget)
    return dump_yaml_text(budget, plain, depth=_depth(plain), **options)


_DUMP_YAML = "(value, sort_keys=True, allow_unicode=False, default_flow_style=False, indent=None)"
_DUMP_YAML_BOUND = f"{_DUMP_BOUND}; 60 units per item"
GROUP.add(f"dump_yaml{_DUMP_YAML}", "The value as YAML text.", _DUMP_YAML_BOUND)(_dump_yaml)
for _name in ("dump", "safe_dump"):
    YAML.add(f"{_name}{_DUMP_YAML}", "The value as YAML text.", _DUMP_YAML_BOUND)(_dump_yaml)


def _rows(budget: Budget, text: Value, delimiter: Value, quotechar: Value) -> list[list[str]]:
    if type(text) in (list, tuple):
        lines = take_list(text, budget)
        if not all(type(line) is str for line in lines):
            fail("TypeError", "csv reads a text or a list of lines")
        budget.grow_text(sum(map(len, lines)) + len(lines), wide=True)
        text = "\n".join(lines)
    source = parser_input(budget, text)
    budget.grow(4 * len(source))
    rows: list[list[str]] = []
    fields = 0
    try:
        for row in csv.reader(io.StringIO(source, newline=""), delimiter=delimiter, quotechar=quotechar):
            rows.append(row)
            fields += len(row)
            budget.grow(80 + 60 * len(row))
            budget.grow_items(fields, each=0) if fields % 64 == 0 else budget.charge(1 + len(row))
    except csv.Error as error:
        fail("ValueError", f"the text is not CSV: {error}")
    return rows


@CSV.add("reader(text, delimiter=',', quotechar='\"')", "A list of rows, each a list of texts.", _LOAD_BOUND)
def _reader(budget: Budget, text: Value, *, delimiter: Value = ",", quotechar: Value = '"') -> list[list[str]]:
    return _rows(budget, text, delimiter, quotechar)


@CSV.add(
    "DictReader(text, fieldnames=None, delimiter=',', quotechar='\"')", "A list of objects, one per row.", _LOAD_BOUND
)
def _dict_reader(
    budget: Budget, text: Value, fieldnames: Value = None, *, delimiter: Value = ",", quotechar: Value = '"'
) -> list[dict[str, Value]]:
    rows = [row for row in _rows(budget, text, delimiter, quotechar) if row]
    names = take_list(fieldnames, budget) if fieldnames is not None else rows.pop(0) if rows else []
    object_of(((name, None) for name in names), budget)
    budget.grow(len(rows) * (232 + 100 * len(names)))
    budget.charge(len(rows) * (1 + len(names)))
    return [{name: row[index] if index < len(row) else None for index, name in enumerate(names)} for row in rows]


def _csv_text(budget: Budget, rows: Value, *, delimiter: Value = ",") -> str:
    table = [take_list(row, budget) for row in take_list(rows, budget)]
    budget.grow_text(2 * measure(table, budget))
    output = io.StringIO(newline="")
    for row in table:
        if not all(type(cell) in (str, int, float, bool, type(None)) for cell in row):
            fail("TypeError", "a CSV cell is a text, a number, a boolean or null")
        if any(type(cell) is float and not math.isfinite(cell) for cell in row):
            fail("ValueError", "a CSV cell is an ordinary number")
    csv.writer(output, delimiter=delimiter, lineterminator="\n").writerows(table)
    return output.getvalue()


CSV.add("dumps(rows, delimiter=',')", "Rows (lists of plain values) as CSV text.", _DUMP_BOUND)(_csv_text)
