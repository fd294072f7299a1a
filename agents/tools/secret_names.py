"""Which secrets the definition of a tool names, and where in its texts.

Spellings: `$ secrets.NAME`, `$ {secrets.NAME}`, `$ f'Bearer {secrets.NAME}'`, `$ 'Bearer ' + secrets.NAME`, and
`{secrets.NAME}` or `{{ secrets.NAME }}` anywhere in a text; `secrets['NAME']` means the same. Secrets are put into text
and nothing else: whatever else an expression does with one is refused.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from agents.tools.body import spec_of
from julep_project.core.json_value import Json, leaves_of

WHERE = "secrets may stand in the bodies of tools and in the `arguments` of steps that call one, nowhere else"
ONLY_JOINED = "a secret can only be put into a text: `$ secrets.NAME`, `{secrets.NAME}`, in an f-string, or with `+`"

# Shown to models or clients, or about the answer: never sent.
_NOT_SENT = frozenset({"name", "description", "parameters", "params_schema", "places", "schema", "secrets"})
_LONGEST_EXPRESSION = 10_000
_DEEPEST = 20

_REFERENCE = r"secrets\s*(?:\.\s*([a-zA-Z]\w*)|\[\s*(?:'([a-zA-Z]\w*)'|\"([a-zA-Z]\w*)\")\s*\])"
_IN_BRACES = re.compile(rf"\{{\{{\s*{_REFERENCE}\s*\}}\}}|\{{\s*{_REFERENCE}\s*\}}", re.ASCII)
_MISUSED_IN_BRACES = re.compile(r"\{\{[^{}]*(?<![\w.])secrets\s*[.\[][^{}]*\}\}|\{\s*secrets\s*[.\[][^{}]*\}", re.ASCII)
_REFERRED = re.compile(_REFERENCE, re.ASCII)
_MENTIONED = re.compile(r"(?<![\w.])secrets\s*[.\[]", re.ASCII)
_MARK = re.compile(r"\s*\$\s+(?=\S)")
_QUOTES = re.compile(r"\s*[fF]?['\"]")
_QUOTED = re.compile(r"'(?:[^'\\]++|\\.)*+'|\"(?:[^\"\\]++|\\.)*+\"", re.DOTALL)
# Quotes within braces do not end it.
_F_QUOTED = re.compile(r"'(?:[^'\\{]++|\\.|\{\{|\{[^{}]*+\})*+'|\"(?:[^\"\\{]++|\\.|\{\{|\{[^{}]*+\})*+\"", re.DOTALL)
_BLANKS = re.compile(r"\s*")


class SecretMisused(ValueError):
    """A text does something else with a secret than putting it into text."""


@dataclass(frozen=True, slots=True)
class Named:
    """The place of a secret in a text."""

    name: str


Parts = list[str | Named]


def parts_of(text: str) -> Parts:
    """The text around the secrets it names; one part if it names none.

    Raises:
        SecretMisused
    """
    if _MENTIONED.search(text) is None:
        return [text]
    mark = _MARK.match(text)
    if mark is not None:
        return _Expression(text[mark.end() :]).parts()
    if _QUOTES.match(text):
        try:
            return _Expression(text).parts()
        except SecretMisused:
            pass  # a text that begins with a quote
    parts: Parts = []
    done = 0
    for match in _IN_BRACES.finditer(text):
        parts += [text[done : match.start()], Named(next(filter(None, match.groups())))]
        done = match.end()
    if any(isinstance(part, str) and _MISUSED_IN_BRACES.search(part) for part in [*parts, text[done:]]):
        raise SecretMisused(ONLY_JOINED)
    return [part for part in [*parts, text[done:]] if part] if parts else [text]


def names_in(value: Json) -> set[str]:
    """The secrets that texts anywhere in the value name.

    Raises:
        SecretMisused
    """
    return {part.name for text in _texts_in(value) for part in parts_of(text) if isinstance(part, Named)}


def names_a_secret(value: Json) -> bool:
    """Whether a text in the value names a secret, be it in a way that is refused."""
    try:
        return bool(names_in(value))
    except SecretMisused:
        return True


def names_of(tool: Mapping[str, Json]) -> set[str]:
    """The secrets that a call of the tool needs.

    Raises:
        SecretMisused
    """
    spec = spec_of(tool)
    named = names_in([value for key, value in spec.items() if key not in _NOT_SENT])
    renamed = _renamed(spec)
    return {renamed.get(name, name) for name in named} | set(renamed.values())


def bare_mentions(tool: Mapping[str, Json]) -> list[str]:
    """Texts that mention a secret and are sent as they stand."""
    sent = [value for key, value in spec_of(tool).items() if key not in _NOT_SENT]
    return [text for text in _texts_in(sent) if _REFERRED.search(text) and parts_of(text) == [text]]


def filled(tool: Mapping[str, Json], values: Mapping[str, str]) -> Mapping[str, Json]:
    """The definition with the values of the secrets in its texts.

    Raises:
        SecretMisused
    """
    if not values:
        return tool
    kind, spec = str(tool["type"]), spec_of(tool)
    renamed = _renamed(spec)

    def fill(text: str) -> str:
        parts = parts_of(text)
        return "".join(values[renamed.get(part.name, part.name)] if isinstance(part, Named) else part for part in parts)

    sent = {key: value if key in _NOT_SENT else with_texts(value, fill) for key, value in spec.items()}
    return {**tool, kind: sent}


def with_texts(value: Json, change: Callable[[str], str]) -> Json:
    """The value with every text in it changed, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key): with_texts(part, change) for key, part in value.items()}
    if isinstance(value, list):
        return [with_texts(part, change) for part in value]
    return value


def _renamed(spec: Mapping[str, Json]) -> dict[str, str]:
    """`secrets: {KEY: {name: NAME}}` of an `api_call`: what `secrets.KEY` means in this tool."""
    given = spec.get("secrets")
    entries = given.items() if isinstance(given, Mapping) else ()
    return {str(key): str(entry["name"]) for key, entry in entries if isinstance(entry, Mapping) and "name" in entry}


def _texts_in(value: Json) -> Iterator[str]:
    return (leaf for leaf in leaves_of(value) if isinstance(leaf, str))


class _Expression:
    """Reads what may stand after `$`: texts and secrets, joined by `+` or `~`, in brackets or f-strings."""

    def __init__(self, source: str, depth: int = 0) -> None:
        self._source = source
        self._place = 0
        self._depth = depth
        if depth > _DEEPEST or len(source) > _LONGEST_EXPRESSION:
            raise SecretMisused(ONLY_JOINED)

    def parts(self) -> Parts:
        """All of it.

        Raises:
            SecretMisused
        """
        parts = self._joined()
        if self._place < len(self._source):
            raise SecretMisused(ONLY_JOINED)
        return parts

    def _joined(self) -> Parts:
        parts = self._term()
        while self._take("+") or self._take("~"):
            parts += self._term()
        return parts

    def _term(self) -> Parts:
        self._skip()
        for opening, closing in (("(", ")"), ("{", "}"), ("str(", ")")):
            if self._take(opening):
                return self._inner(closing)
        if self._source[self._place : self._place + 1] in ("f", "F"):
            self._place += 1
            return self._formatted(self._quoted(_F_QUOTED)[1:-1])
        if self._source[self._place : self._place + 1] in ("'", '"'):
            return [_unquoted(self._quoted(_QUOTED))]
        name = next(filter(None, self._matched(_REFERRED).groups()))
        self._skip()
        return [Named(name)]

    def _inner(self, closing: str) -> Parts:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise SecretMisused(ONLY_JOINED)
        parts = self._joined()
        self._depth -= 1
        if not self._take(closing):
            raise SecretMisused(ONLY_JOINED)
        return parts

    def _formatted(self, text: str) -> Parts:
        parts: Parts = []
        for piece in re.split(r"(\{\{|\}\}|\{[^{}]*\})", text):
            if piece in ("{{", "}}"):
                parts.append(piece[0])
            elif piece.startswith("{"):
                parts += _Expression(piece[1:-1], self._depth + 1).parts()
            elif "{" in piece or "}" in piece:
                raise SecretMisused(ONLY_JOINED)
            elif piece:
                parts.append(_unquoted(f'"{piece}"' if "'" in piece else f"'{piece}'"))
        return parts

    def _quoted(self, pattern: re.Pattern[str]) -> str:
        quoted = self._matched(pattern)[0]
        self._skip()
        return quoted

    def _matched(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self._source, self._place)
        if match is None:
            raise SecretMisused(ONLY_JOINED)
        self._place = match.end()
        return match

    def _take(self, text: str) -> bool:
        if not self._source.startswith(text, self._place):
            return False
        self._place += len(text)
        self._skip()
        return True

    def _skip(self) -> None:
        self._place = _BLANKS.match(self._source, self._place).end()  # type: ignore[union-attr]  # it matches nothing, too


def _unquoted(quoted: str) -> str:
    try:
        text = ast.literal_eval(quoted.replace("\n", "\\n"))
    except (SyntaxError, ValueError) as error:
        raise SecretMisused(ONLY_JOINED) from error
    return str(text)
