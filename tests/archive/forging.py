"""Archives that no exporter wrote."""

import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from julep_project.archive.members import Writer, read_members

# What a member becomes: its name and its content.
Change = Callable[[str, bytes], tuple[str, bytes]]


def same(name: str, content: bytes) -> tuple[str, bytes]:
    """As it was."""
    return name, content


def renamed(beginning: str, to: str) -> Change:
    """Members whose names begin so are called otherwise."""
    return lambda name, content: (to if name.startswith(beginning) else name, content)


def members_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the members, without the last."""
    with path.open("rb") as file:
        for member in read_members(file, most_bytes=10**9):
            yield member.name, member.content.read()


def forge(path: Path, change: Change, more: Callable[[Writer], object] = lambda _: None) -> Path:
    """An archive with other members, and the digest that belongs to them."""
    forged = path.with_name(f"forged-{path.name}")
    with Writer(forged) as writer:
        for member in members_of(path):
            name, content = change(*member)
            writer.add(name, io.BytesIO(content), len(content))
        more(writer)
    return forged


def with_rows(table: str, change: Callable[[Any], object]) -> Change:
    """The rows of one table changed."""

    def changed(name: str, content: bytes) -> tuple[str, bytes]:
        if not name.startswith(f"rows/{table}/"):
            return name, content
        rows = [json.loads(line) for line in content.splitlines()]
        for row in rows:
            change(row)
        return name, b"".join(json.dumps(row).encode() + b"\n" for row in rows)

    return changed


def with_manifest(change: Callable[[Any], object]) -> Change:
    """The manifest changed."""

    def changed(name: str, content: bytes) -> tuple[str, bytes]:
        if name != "manifest.json":
            return name, content
        manifest = json.loads(content)
        change(manifest)
        return name, json.dumps(manifest).encode()

    return changed


def damage(path: Path, change: Callable[[bytes], bytes]) -> Path:
    """The unpacked file changed, and packed again."""
    damaged = path.with_name(f"damaged-{path.name}")
    damaged.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()))))
    return damaged
