"""An object somewhere in a request, whose fields are read one by one, each as what it has to be. Null counts as not
given, and what nobody knows is refused at its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from julep_project.core.json_value import Json
from julep_project.core.reading.surface import ParameterRefused, changes_nothing
from julep_project.core.reading.validation import Path, as_object, invalid, not_one_of, path_text


@dataclass(frozen=True, slots=True)
class Part:
    """The object, and where it stands."""

    fields: Mapping[str, Json]
    loc: Path

    @classmethod
    def at(cls, value: Json, loc: Path) -> "Part":
        """What has to be an object.

        Raises:
            InvalidInput
        """
        return cls(as_object(value, loc), loc)

    def has(self, name: str) -> bool:
        return self.fields.get(name) is not None

    def only(self, *names: str) -> "Part":
        """The same, which has no other fields.

        Raises:
            InvalidInput
        """
        for name, value in self.fields.items():
            if value is not None and name not in names:
                raise invalid((*self.loc, name), "extra_forbidden", received=value)
        return self

    def refuse(self, name: str, why: str, *, idle: Sequence[Json] = ()) -> None:
        """Refuse a field that is known, and cannot be honoured; the values in `idle` change nothing.

        Raises:
            ParameterRefused
        """
        if not changes_nothing(self.fields.get(name), idle):
            raise ParameterRefused(path_text((*self.loc, name)), why)

    def text(self, name: str, *, min_length: int = 0, max_length: int | None = None) -> str:
        """A text that has to be there, as all that follow.

        Raises:
            InvalidInput
        """
        value = self._there(name)
        if not isinstance(value, str):
            raise invalid((*self.loc, name), "string_type", received=value)
        if len(value) < min_length:
            raise invalid((*self.loc, name), "string_too_short", bound=min_length, received=value)
        if max_length is not None and len(value) > max_length:
            raise invalid((*self.loc, name), "string_too_long", bound=max_length, received=value)
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """One of some texts."""
        value = self._there(name)
        if not isinstance(value, str) or value not in choices:
            raise not_one_of((*self.loc, name), choices, value)
        return value

    def whole(self, name: str, *, least: int) -> int:
        """A whole number."""
        value = self._there(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid((*self.loc, name), "int_type", received=value)
        if value < least:
            raise invalid((*self.loc, name), "greater_than_equal", bound=least, received=value)
        return value

    def flag(self, name: str) -> bool:
        """True or false; false where it is not given."""
        value = self.fields.get(name, False)
        if value is not None and not isinstance(value, bool):
            raise invalid((*self.loc, name), "bool_type", received=value)
        return bool(value)

    def part(self, name: str) -> "Part":
        """An object."""
        return Part.at(self._there(name), (*self.loc, name))

    def _there(self, name: str) -> Json:
        value = self.fields.get(name)
        if value is None:
            raise invalid((*self.loc, name), "missing")
        return value


def parts_of(value: Json, loc: Path) -> list[Part]:
    """The objects of a list.

    Raises:
        InvalidInput
    """
    if not isinstance(value, list):
        raise invalid(loc, "list_type", received=value)
    return [Part.at(item, (*loc, place)) for place, item in enumerate(value)]
