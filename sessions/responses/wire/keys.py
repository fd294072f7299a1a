"""Keys of objects within requests: those that are read, and those that are published and refused. There are no others:
what is misspelt would be dropped without a word."""

from collections.abc import Mapping
from dataclasses import dataclass

from julep_project.core.json_value import Json
from julep_project.core.reading.surface import ParameterRefused, changes_nothing
from julep_project.core.reading.validation import Path, invalid, path_text

_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Keys:
    """`refused` are taken with the values that ask for nothing."""

    read: frozenset[str]
    refused: Mapping[str, tuple[Json, ...]]

    def check(self, given: Mapping[str, Json], loc: Path) -> None:
        """Null counts as not given.

        Raises:
            InvalidInput: a key is not known.
            ParameterRefused: a key is not supported.
        """
        for name, value in given.items():
            if value is None or name in self.read:
                continue
            if name not in self.refused:
                raise invalid((*loc, name[:_LONGEST_NAME]), "extra_forbidden", received=value)
            if not changes_nothing(value, self.refused[name]):
                raise ParameterRefused(path_text((*loc, name)))


def keys(*read: str, **refused: tuple[Json, ...]) -> Keys:
    return Keys(frozenset(read), refused)
