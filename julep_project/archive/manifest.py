"""What an archive says of itself: its format, whose it is, and which rows are in it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self
from uuid import UUID

from julep_project.archive.errors import ArchiveRefused
from julep_project.core.json_value import Json

# Raised when archives of before cannot be read in the same way, or older releases would misread new ones.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one table: how many, and with which columns."""

    columns: list[str]
    rows: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The first member. `left_out` is what was at work; `vectors` are dimensions of vectors, by their models."""

    archive: str
    developer: str
    made_at: str
    release: str
    tables: dict[str, Part]
    named: dict[str, Part]
    contents: int
    vectors: dict[str, int]
    left_out: dict[str, int]
    format: int = FORMAT

    @property
    def developer_id(self) -> UUID:
        return UUID(self.developer)

    def to_json(self) -> dict[str, Json]:
        return asdict(self)

    @classmethod
    def read(cls, said: Any) -> Self:
        """What the first member says.

        Raises:
            ArchiveRefused: this release does not read it.
        """
        form = said.get("format") if isinstance(said, dict) else None
        if not _is_count(form):
            raise ArchiveRefused("This is not an archive of a developer")
        if form != FORMAT:
            raise ArchiveRefused(f"The archive has format {form}, and this release reads format {FORMAT}")
        try:
            return cls(
                archive=_text(said["archive"]),
                made_at=_text(said["made_at"]),
                release=_text(said["release"]),
                developer=str(UUID(_text(said["developer"]))),
                tables=_parts(said["tables"]),
                named=_parts(said["named"]),
                contents=_count(said["contents"]),
                vectors=_counts(said["vectors"]),
                left_out=_counts(said["left_out"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArchiveRefused("The manifest of the archive is damaged") from error


def _parts(said: Mapping[str, Any]) -> dict[str, Part]:
    return {
        _text(name): Part([_text(column) for column in part["columns"]], _count(part["rows"]))
        for name, part in said.items()
    }


def _counts(said: Mapping[str, Any]) -> dict[str, int]:
    return {_text(name): _count(count) for name, count in said.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError
    return value


def _count(value: Any) -> int:
    if not _is_count(value):
        raise ValueError
    return int(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
