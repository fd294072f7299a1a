"""What is no archive of ours, or would take what belongs to others, leaves nothing behind."""

import gzip
import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage

from agents.llm.own.hashing import HASHING
from agents.models import Agent, Developer, Project
from docs_store.models import EmbeddingModel, FileContent
from executions.models import Blob
from julep_project.archive.errors import ArchiveRefused
from julep_project.archive.importing import Importing, import_developer
from julep_project.archive.members import Writer
from tasks.models import Task
from tests.archive.conftest import Small
from tests.archive.forging import damage, forge, renamed, same, with_manifest, with_rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def victim(small: Small, elsewhere: Any, settings: Any) -> Developer:
    """Somebody in the other installation, with the same kinds of rows."""
    media = settings.MEDIA_ROOT
    elsewhere()
    settings.MEDIA_ROOT = f"{media} elsewhere"
    developer = Developer.objects.create(email="victim@example.com")
    project = Project.objects.create(developer=developer, name="default", canonical_name="default")
    agent = Agent.objects.create(developer=developer, project=project, name="V", canonical_name="v")
    Task.objects.create(developer=developer, agent=agent, name="v", canonical_name="v")
    return developer


def left_behind(developer_id: Any) -> list[Any]:
    """Everything that is there of the developer, in the database and the storage."""
    contents = [path for path in Path(default_storage.location).rglob("*") if path.is_file()]  # type: ignore[attr-defined]
    rows = Developer.objects.filter(pk=developer_id), FileContent.objects.all(), Blob.objects.all()
    return [*contents, *(row for found in rows for row in found)]


def refused(path: Path, small: Small, match: str, case: str = "", **how: Any) -> None:
    with pytest.raises(ArchiveRefused) as refusal:
        import_developer(path, Importing(**how))
    assert re.search(match, refusal.value.message), (case, refusal.value.message)
    assert left_behind(small.developer.pk) == [], case


def set_to(column: str, value: Callable[[], object]) -> Callable[[Any], None]:
    def change(row: Any) -> None:
        row[column] = value()

    return change


_OWNER = {Developer: "email", Agent: "developer__email", Task: "developer__email"}


def _victims(model: Any) -> Callable[[], str]:
    return lambda: str(model.objects.filter(**{_OWNER[model]: "victim@example.com"}).get().pk)


FOREIGN = {
    "an agent of others": ("agents_tool", set_to("agent_id", _victims(Agent)), "agent_id"),
    "a task of others": ("tasks_taskversion", set_to("task_id", _victims(Task)), "tasks_taskversion"),
    "no agent at all": ("agents_tool", set_to("agent_id", lambda: str(uuid4())), "fit together"),
    "another developer": ("agents_tool", set_to("developer_id", _victims(Developer)), "columns"),
    "a column that is none": ("agents_agent", set_to("is_admin", lambda: True), "columns"),
    "a file of others": (
        "executions_execution",
        set_to("output", lambda: {"$blob": f"files/{_victims(Developer)()}/{uuid4()}"}),
        "refer to contents",
    ),
    "a run at work": ("executions_execution", set_to("status", lambda: "queued"), "have not ended"),
    "a program of nonsense": ("tasks_taskversion", set_to("program", lambda: {"workflows": {"a": [7]}}), "program"),
    "an override of nothing": ("executions_execution", set_to("overrides", lambda: [{"path": []}]), "otherwise"),
    "overrides that are none": ("executions_execution", set_to("overrides", lambda: 7), "otherwise"),
    "a variant that is none": ("executions_execution", set_to("variant", lambda: [7]), "otherwise"),
    "a variant at no place": ("executions_execution", set_to("variant", lambda: {"index": "x"}), "otherwise"),
    "a chunk that is not there": ("docs_store_embedding", set_to("chunk_id", lambda: 7), "belong to"),
    "a vector of another length": ("docs_store_embedding", set_to("vector", lambda: "[1]"), "dimensions"),
    "a moment that is none": ("agents_agent", set_to("created_at", lambda: "soon"), "cannot be stored"),
    "a status that is none": ("executions_execution", set_to("status", lambda: "lost"), "fit together"),
    "a moment at no time": ("agents_agent", set_to("created_at", lambda: "-infinity"), "none"),
    "words that are none": ("docs_store_chunk", set_to("search", lambda: "a:b"), "cannot be stored"),
    "an amount that is none": ("agents_modelusage", set_to("cost", lambda: "NaN"), "none"),
    "amounts that have no sum": ("agents_modelusage", set_to("cost", lambda: 999_999_999), "too large together"),
    "a text with a NUL": ("agents_agent", set_to("name", lambda: "a\0b"), "cannot be stored"),
}


def test_rows_that_are_not_those_of_an_export(small: Small, victim: Developer) -> None:
    EmbeddingModel.objects.create(name="m", dimensions=2)
    for case, (table, change, match) in FOREIGN.items():
        refused(forge(small.path, with_rows(table, change)), small, match, case)
    assert Agent.objects.get().developer == victim


MANIFESTS: dict[str, tuple[Callable[[Any], object], str]] = {
    "a newer format": (lambda said: said.update(format=2), "format 2"),
    "no format": (lambda said: said.pop("format"), "not an archive"),
    "an id that is none": (lambda said: said.update(developer="../.."), "damaged"),
    "fewer rows": (lambda said: said["tables"]["agents_tool"].update(rows=7), "instead of 7"),
    "a table that is none": (lambda said: said["tables"].update(pg_authid={"columns": [], "rows": 0}), "pg_authid"),
    "a table too few": (lambda said: said["tables"].pop("agents_tool"), "agents_tool"),
    "a column that is none": (lambda said: said["tables"]["agents_tool"]["columns"].append("x; --"), "x; --"),
    "a column too few": (lambda said: said["tables"]["agents_tool"]["columns"].remove("name"), "name"),
    "a column twice": (lambda said: said["tables"]["agents_tool"]["columns"].append("name"), "columns"),
    "more contents": (lambda said: said.update(contents=7), "contents"),
}


def test_a_manifest_that_is_not_that_of_the_archive(small: Small, victim: Developer) -> None:
    for case, (change, match) in MANIFESTS.items():
        refused(forge(small.path, with_manifest(change)), small, match, case)


def test_how_long_vectors_of_others_will_be_is_not_decided_by_an_archive(small: Small, victim: Developer) -> None:
    EmbeddingModel.objects.update_or_create(name="m", defaults={"dimensions": None})
    hashing, _ = EmbeddingModel.objects.update_or_create(name=HASHING, defaults={"dimensions": None})

    def change(said: Any) -> None:
        said["vectors"] = {HASHING: 2, "m": 10**30}

    no_model = forge(small.path, with_rows("docs_store_docembedding", set_to("model_id", list)))
    imported = import_developer(forge(no_model, with_manifest(change)), Importing())
    hashing.refresh_from_db()
    assert (hashing.dimensions, imported.embedded_anew) == (None, ["m", HASHING])


def _plain(name: str, content: bytes = b"") -> Callable[[Writer], None]:
    return lambda writer: writer.add(name, io.BytesIO(content), len(content))


NAMES = [
    "../../etc/passwd",
    "/etc/passwd",
    "contents/files/../../x",
    "rows/pg_authid/000001.jsonl",
    "a b",
    f"contents/files/{uuid4()}",
    f"contents/blobs/{uuid4()}/{uuid4()}",
]


def test_members_of_other_names_and_at_other_places(small: Small, victim: Developer) -> None:
    for name in NAMES:
        refused(forge(small.path, same, _plain(name)), small, "member|where there are none", name)
    for name in ("contents/files/x", f"contents/{uuid4()}", f"contents/blobs/{uuid4()}"):
        refused(forge(small.path, renamed("contents/files/", name)), small, "unknown name", name)
    other_file = renamed("contents/files/", f"contents/files/{uuid4()}")
    refused(forge(small.path, other_file), small, "contents")
    refused(forge(small.path, renamed("contents/blobs/", f"contents/blobs/{uuid4()}/{uuid4()}")), small, "contents")


def _of_kind(kind: bytes) -> Callable[[bytes], bytes]:
    """The first member as a link, a device, a header for the next one, ..."""

    def change(unpacked: bytes) -> bytes:
        info = tarfile.TarInfo("manifest.json")
        info.type, info.linkname = kind, "/etc/passwd"
        return info.tobuf(tarfile.USTAR_FORMAT) + unpacked

    return change


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda data: b"", "cut short"),
    "half of it": (lambda data: data[: len(data) // 2], "cut short"),
    "no end": (lambda data: data[:-1024], "cut short"),
    "more behind the end": (lambda data: data + b"x", "damaged"),
    "another byte": (lambda data: data.replace(b"small@example", b"smell@example", 1), "SHA-256"),
    "another text": (lambda data: b"once upon a time" * 100, "damaged"),
    "zeros": (lambda data: bytes(10240), "damaged"),
    "a symbolic link": (_of_kind(tarfile.SYMTYPE), "kind"),
    "a hard link": (_of_kind(tarfile.LNKTYPE), "kind"),
    "a device": (_of_kind(tarfile.CHRTYPE), "kind"),
    "a folder": (_of_kind(tarfile.DIRTYPE), "kind"),
    "an extended header": (_of_kind(tarfile.XHDTYPE), "kind"),
    "a sparse file": (_of_kind(tarfile.GNUTYPE_SPARSE), "kind"),
}


def test_files_that_are_damaged(small: Small, victim: Developer) -> None:
    for case, (change, match) in DAMAGES.items():
        refused(damage(small.path, change), small, match, case)


def test_packed_files_that_are_damaged(small: Small, victim: Developer) -> None:
    whole = small.path.read_bytes()
    path = small.path.with_name("packed.tar.gz")
    for data in (b"", b"PK\x03\x04", whole[:-1], whole[:100], whole[:200] + bytes(50) + whole[250:], whole + b"x"):
        path.write_bytes(data)
        # Of some damage one is told when it is unpacked, of some by what comes out.
        refused(path, small, "cut short|damaged|not JSON")


def test_what_unpacks_to_too_much(small: Small, victim: Developer) -> None:
    bomb = forge(small.path, same, _plain("rows/agents_tool/000002.jsonl", bytes(10**7)))
    assert len(bomb.read_bytes()) < 10**5
    refused(bomb, small, "unpacks to more", most_bytes=10**6)
    refused(bomb, small, "not whole|where there are none|not JSON")
    path = small.path.with_name("bomb.tar.gz")
    path.write_bytes(gzip.compress(bytes(10**7)))
    refused(path, small, "damaged")
