"""The one table of what expressions and templates may call.

`FUNCTIONS` and `MODULES` are what names mean when called; `function_rows()` describes them for the documentation.
"""

from dataclasses import dataclass

from julep_project.env import env_bool
from tasks.expressions.callables import Function, Group, Module
from tasks.expressions.functions import basics, data, dates, encoding, markup, numbers, patterns, stall
from tasks.expressions.values import Value

CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None, "NEWLINE": "\n"}

GET = Function(
    "get",
    "get(key, default=None)",
    "A value of the execution's store.",
    "constant",
    # The compilers give it the store of the scope; there is nothing to run without one.
    run=lambda budget, key, default=None: default,
)

_GROUPS: tuple[Group, ...] = (
    basics.GROUP,
    numbers.GROUP,
    data.GROUP,
    patterns.GROUP,
    markup.GROUP,
    encoding.GROUP,
)

FUNCTIONS: dict[str, Function] = {
    **{name: function for group in _GROUPS for name, function in group.functions.items()},
    "timedelta": dates.TIMEDELTA_FUNCTION,
    "get": GET,
    **(stall.GROUP.functions if env_bool("JULEP_TEST_BUILD") else {}),
}

_URLLIB_PARSE = Module("urllib.parse", encoding.PARSE.functions)

MODULES: dict[str, Module] = {
    "re": Module("re", {**patterns.RE.functions, **patterns.FLAGS}),
    "json": Module("json", data.JSON.functions),
    "yaml": Module("yaml", data.YAML.functions),
    "csv": Module("csv", data.CSV.functions),
    "string": Module("string", encoding.STRING_CONSTANTS),
    "math": Module("math", {**numbers.MATH.functions, **numbers.MATH_CONSTANTS}),
    "statistics": Module("statistics", numbers.STATISTICS.functions),
    "random": Module("random", numbers.RANDOM.functions),
    "base64": Module("base64", encoding.BASE64.functions),
    "hashlib": Module("hashlib", encoding.HASHLIB.functions),
    "urllib": Module("urllib", {"parse": _URLLIB_PARSE}),
    "datetime": dates.DATETIME_MODULE,
    "date": dates.DATE_MODULE,
    "timezone": dates.TIMEZONE_MODULE,
    "time": dates.TIME_MODULE,
    "zoneinfo": dates.ZONEINFO_MODULE,
}

_OUTSIDE = "it would call an outside service; use a tool step"
UNAVAILABLE: dict[str, str] = {
    "nlp": _OUTSIDE,
    "humanize_text_alpha": _OUTSIDE,
    "eval": "write the expression itself",
    "exec": "write the expression itself",
    "open": "expressions cannot read files",
    "print": "use a log step",
    "type": "use isinstance(value, str)",
    "hasattr": "use `'key' in value`",
    "getattr": "use value['key'] or value.get('key')",
}


@dataclass(frozen=True)
class FunctionRow:
    """One line of the documentation."""

    group: str
    name: str
    signature: str
    doc: str
    bound: str


def function_rows() -> list[FunctionRow]:
    """Every function of the language in the order of the documentation."""
    modules = (
        patterns.RE,
        data.JSON,
        data.YAML,
        data.CSV,
        numbers.MATH,
        numbers.STATISTICS,
        numbers.RANDOM,
        encoding.BASE64,
        encoding.HASHLIB,
        encoding.PARSE,
        dates.DATETIME,
        dates.DATE,
        dates.TIME,
        dates.ZONEINFO,
        dates.CONSTRUCTORS,
    )
    state = Group("State", functions={"get": GET})
    return [
        FunctionRow(group.title, function.name, function.signature, function.doc, function.bound)
        for group in (*_GROUPS, state, *modules)
        for function in group.functions.values()
    ]
