"""What is moved, what is not, and what stands in the way."""

import io
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import JSONField, Value
from django.db.models.functions import Now

from agents.access.models import ApiKey
from agents.audit.models import AuditRecord
from agents.models import Agent, Developer, Project
from agents.retention.pace import Pace
from docs_store.files.services import prune_contents, read_content, store_upload
from docs_store.ingestion.jobs import INGESTIONS
from docs_store.models import Doc, DocEmbedding, Embedding, EmbeddingModel, File, FileContent, Ingestion
from executions.blobs import prune_blobs
from executions.models import Blob, Execution
from executions.removal.expiry import remove_runs
from julep_project.archive import contents, exporting, importing
from julep_project.archive.errors import ArchiveRefused, RowsTaken
from julep_project.archive.exporting import export_developer
from julep_project.archive.importing import Importing, import_developer
from julep_project.archive.members import Writer
from sessions.responses.models import StoredResponse
from tests.archive.conftest import LARGE, Small
from tests.archive.forging import forge, members_of, renamed, same

pytestmark = pytest.mark.django_db(transaction=True)


def is_whole(small: Small, developer_id: UUID | None = None) -> bool:
    """Whether contents of the developer can be read."""
    content = read_content(developer_id or small.developer.pk, small.file.pk, 2)
    return bool(content == b"hi" and Execution.objects.get(pk=small.run.pk).output == {"text": LARGE})


def stored() -> list[str]:
    """Names of the contents in the storage."""
    return [path.name for path in Path(default_storage.location).rglob("*") if path.is_file()]  # type: ignore[attr-defined]


def test_into_the_developer_that_every_installation_begins_with(small: Small, elsewhere: Any) -> None:
    elsewhere()
    first = Developer.objects.get()
    ApiKey.objects.create(developer=first, label="k", prefix="jlp_", digest=b"x", scopes=["read"])
    imported = import_developer(small.path, Importing(first.pk))
    assert (imported.developer_id, is_whole(small, first.pk)) == (first.pk, True)
    project = Project.objects.get()
    assert (project.developer, project.canonical_name, ApiKey.objects.count()) == (first, "default", 1)
    first.refresh_from_db()
    assert (first.email, first.created_at) == ("small@example.com", small.developer.created_at)


def test_a_second_time_is_refused(small: Small, elsewhere: Any) -> None:
    elsewhere()
    import_developer(small.path, Importing())
    records = AuditRecord.objects.count()
    with pytest.raises(RowsTaken, match="is there already"):
        import_developer(small.path, Importing())
    assert (AuditRecord.objects.count(), is_whole(small)) == (records, True)


def test_ids_that_others_have(small: Small) -> None:
    """Contents first: not one of theirs is written over or taken away."""
    for change in (same, renamed("contents/files/", f"contents/files/{uuid4()}")):
        with pytest.raises(RowsTaken, match="is there already"):
            import_developer(forge(small.path, change), Importing(uuid4()))
        assert (is_whole(small), len(stored()), Developer.objects.count()) == (True, 2, 2)


def test_ids_of_rows_that_others_have(small: Small) -> None:
    Execution.objects.all().delete()
    File.objects.all().delete()
    FileContent.objects.all().delete()
    with pytest.raises(RowsTaken, match="agents_project have ids or names that are taken"):
        import_developer(small.path, Importing(uuid4()))
    assert (Developer.objects.count(), FileContent.objects.count()) == (2, 0)


def test_a_dry_run(small: Small, elsewhere: Any, tmp_path: Path, capsys: Any) -> None:
    call_command("export_developer", str(small.developer.pk), "--dry-run")
    output = capsys.readouterr().out
    assert "agents_tool: 1 rows" in output and "Nothing was written." in output
    assert AuditRecord.objects.filter(verb="export").count() == 1  # that of the fixture
    elsewhere()
    call_command("import_developer", str(small.path), "--dry-run")
    output = capsys.readouterr().out
    assert "agents_tool: 1 rows" in output and "nothing was." in output
    assert (Developer.objects.count(), AuditRecord.objects.count(), FileContent.objects.count()) == (1, 0, 0)
    assert stored() == []


def test_work_that_has_not_ended(small: Small, tmp_path: Path) -> None:
    run = Execution.objects.get()
    values = {"developer": small.developer, "task_id": run.task_id, "task_version_id": run.task_version_id}
    waiting = Execution.objects.create(**values, status="awaiting_input")
    Blob.objects.create(name=f"blobs/{waiting.pk}/{uuid4()}", execution_id=waiting.pk, size=1)
    StoredResponse.objects.create(developer=small.developer, status="queued", body={})
    path = tmp_path / "work.tar.gz"
    with pytest.raises(CommandError, match="1 runs and 1 responses have not ended"):
        call_command("export_developer", str(small.developer.pk), str(path))
    assert (path.exists(), AuditRecord.objects.filter(verb="export").count()) == (False, 1)
    exported = export_developer(small.developer, path, leave_out=True)
    assert exported.manifest.left_out == {"runs": 1, "responses": 1}
    told = [
        name for name, content in members_of(path) if str(waiting.pk) in name or str(waiting.pk).encode() in content
    ]
    assert told == []
    assert sum(name.startswith("contents/blobs/") for name, _ in members_of(path)) == 1


@pytest.mark.parametrize("is_gone", [False, True])
def test_contents_that_a_retry_refers_to(small: Small, elsewhere: Any, tmp_path: Path, is_gone: bool) -> None:
    """Whether the run that stored them is still there or not."""
    run = Execution.objects.get()
    values = {"developer": small.developer, "task_id": run.task_id, "task_version_id": run.task_version_id}
    retry = Execution.objects.create(**values, status="succeeded", retried_from=run.pk, values_of=run.pk)
    Execution.objects.filter(pk=retry.pk).update(output=Value({"$blob": Blob.objects.get().name}, JSONField()))
    if is_gone:
        remove_runs([run.pk], Pace())
    path = tmp_path / "retry.tar.gz"
    export_developer(small.developer, path)
    elsewhere()
    import_developer(path, Importing())
    Blob.objects.update(created_at="2020-01-01T00:00:00Z")
    assert prune_blobs() == 0
    assert Execution.objects.get(pk=retry.pk).output == {"text": LARGE}
    assert Blob.objects.get().execution_id == (retry.pk if is_gone else run.pk)


def test_work_that_may_be_done_twice_goes_on(small: Small, elsewhere: Any, tmp_path: Path) -> None:
    """With what it needs, and free: whoever held it is elsewhere."""
    content_id, written = store_upload(small.developer, [b"tides"])
    held = {"state": "in_progress", "lease_until": Now() + timedelta(hours=1), "version": 3}
    Ingestion.objects.create(
        developer=small.developer,
        doc=Doc.objects.get(),
        name="ingest",
        content_id=content_id,
        is_upload=True,
        size=written.size,
        **held,
    )
    path = tmp_path / "open.tar.gz"
    export_developer(small.developer, path)
    elsewhere()
    import_developer(path, Importing())
    assert read_content(small.developer.pk, content_id, 5) == b"tides"
    assert [job.content_id for job in INGESTIONS.leases.due()] == [content_id]


def test_another_embedding_model(small: Small, elsewhere: Any) -> None:
    elsewhere()
    imported = import_developer(small.path, Importing())
    assert (imported.embedded_anew, Embedding.objects.count()) == (["m"], 0)
    [waiting] = DocEmbedding.objects.all()
    assert (waiting.model_id, waiting.state, waiting.developer_id) == ("offline/hashing", "pending", small.developer.pk)


@pytest.mark.parametrize("dimensions", [2, None, 3])
def test_the_same_embedding_model(small: Small, elsewhere: Any, dimensions: int | None) -> None:
    elsewhere()
    EmbeddingModel.objects.create(name="m", dimensions=dimensions)
    import_developer(small.path, Importing())
    found = {row.model_id: row.state for row in DocEmbedding.objects.all()}
    if dimensions == 3:
        assert (found, Embedding.objects.count()) == ({"m": "pending", "offline/hashing": "pending"}, 0)
        return
    assert found == {"m": "ready", "offline/hashing": "pending"}
    assert [(row.chunk.index, list(row.vector)) for row in Embedding.objects.order_by("chunk__index")] == [
        (0, [1, 0]),
        (1, [1, 1]),
    ]
    assert EmbeddingModel.objects.get(name="m").dimensions == 2


def test_a_process_that_was_lost(small: Small, elsewhere: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the contents and the commit: another attempt writes over what it left, and so may upkeep take it."""
    elsewhere()
    with monkeypatch.context() as patch:
        patch.setattr(importing.verification, "check_programs", lambda _: 1 / 0)
        patch.setattr(contents.Storing, "forget", lambda _: None)
        with pytest.raises(ZeroDivisionError):
            import_developer(small.path, Importing())
    assert (len(stored()), Developer.objects.count(), prune_contents() + prune_blobs()) == (2, 1, 0)
    FileContent.objects.update(created_at="2020-01-01T00:00:00Z")
    Blob.objects.update(created_at="2020-01-01T00:00:00Z")
    import_developer(small.path, Importing())
    assert (is_whole(small), len(stored())) == (True, 2)
    Developer.objects.filter(pk=small.developer.pk).update(active=False)
    assert (prune_contents() + prune_blobs(), is_whole(small)) == (0, True)


def test_one_at_a_time(small: Small, elsewhere: Any) -> None:
    """What is stored but not committed looks to a second one like left over, and it would take it away."""

    def import_beside(*_: object) -> None:
        def begin() -> None:
            try:
                import_developer(small.path, Importing())
            except RowsTaken as error:
                told.append(error.message)
            finally:
                connection.close()

        if not told:
            beside = Thread(target=begin)
            beside.start()
            beside.join()

    told: list[str] = []
    elsewhere()
    import_developer(small.path, Importing(), report=import_beside)
    assert (told, is_whole(small)) == (["Another import is under way"], True)


def test_a_content_that_is_missing(small: Small, elsewhere: Any, tmp_path: Path, capsys: Any) -> None:
    default_storage.delete(f"files/{small.developer.pk}/{small.file.pk}")
    path = tmp_path / "missing.tar.gz"
    call_command("export_developer", str(small.developer.pk), str(path))
    assert f"does not have files/{small.file.pk}" in capsys.readouterr().out
    elsewhere()
    import_developer(path, Importing())
    assert (File.objects.get(), len(stored()), FileContent.objects.count()) == (small.file, 1, 1)


def test_it_is_all_of_one_moment(small: Small, tmp_path: Path) -> None:
    """What is committed while it is written is not in it, wherever that is."""

    def write_beside(*_: object) -> None:
        def write() -> None:
            try:
                project = Project.objects.get(developer=small.developer)
                Agent.objects.create(developer=small.developer, project=project, name="Zoe", canonical_name="zoe")
            finally:
                connection.close()

        if not beside:
            beside.append(Thread(target=write))
            beside[0].start()
            beside[0].join()

    beside: list[Thread] = []
    path = tmp_path / "moment.tar.gz"
    export_developer(small.developer, path, report=write_beside)
    assert Agent.objects.filter(name="Zoe").exists()
    assert not any(b"Zoe" in content for _, content in members_of(path))


def test_large_tables_are_several_members(
    small: Small, elsewhere: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_PART_BYTES", 300)
    path = tmp_path / "parts.tar.gz"
    export_developer(small.developer, path)
    assert len([name for name, _ in members_of(path) if name.startswith("rows/audit_auditrecord/")]) > 1
    elsewhere()
    import_developer(path, Importing())
    assert is_whole(small)


def test_what_cannot_be_written(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, match in ((small.path, "is there already"), (tmp_path / "no" / "where", "No such file")):
        with pytest.raises(CommandError, match=match):
            call_command("export_developer", str(small.developer.pk), str(path))
    monkeypatch.setattr(exporting, "LARGEST_ROW", 10)
    with pytest.raises(CommandError, match="more than an archive may have"):
        call_command("export_developer", str(small.developer.pk), str(tmp_path / "x.tar.gz"))
    with Writer(tmp_path / "y.tar.gz") as writer, pytest.raises(ArchiveRefused, match="has at most 8589934591"):
        writer.add("contents/files/x", io.BytesIO(), 8 * 1024**3)
    assert sorted(path.name for path in tmp_path.glob("*.tar.gz*")) == ["small.tar.gz", "y.tar.gz"]
    for arguments, match in (((str(uuid4()), "x"), "no developer"), ((str(small.developer.pk),), "FILE")):
        with pytest.raises(CommandError, match=match):
            call_command("export_developer", *arguments)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_developer", str(tmp_path / "nothing"))
