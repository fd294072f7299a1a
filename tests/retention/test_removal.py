"""What is too old goes, with all it owns, and nothing else does."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import transaction
from django.db.models.functions import Now

from agents.audit.models import AuditRecord
from agents.models import Developer, ModelUsage
from agents.retention import pace as pace_module
from agents.retention.kinds import KINDS
from agents.retention.models import RetentionPeriod
from agents.retention.pace import OutOfTime, Pace
from agents.retention.removal import UPKEEP, count_due, retain, retain_developer
from docs_store.embedding import embed_due
from docs_store.models import Chunk, Doc, DocEmbedding, Embedding, File, FileContent
from executions.blobs import prune_blobs
from executions.engine.dispatch import dispatching_to
from executions.models import Blob, Branch, Execution, Transition
from executions.removal import expiry
from executions.states import TERMINAL_EXECUTION
from julep_project.core.database import fetch
from sessions.models import Entry, EntrySource, Session
from sessions.responses.models import StoredResponse
from tests.api_client import API_KEY, ApiClient
from tests.flow_runner import FlowRunner

pytestmark = pytest.mark.django_db(transaction=True)

OLD = Now() - timedelta(days=40)
LARGE = "x" * 3000
ECHO = {"main": [{"evaluate": {"text": "$ _.text"}}, {"over": "$ [1, 2]", "map": {"evaluate": {"n": "$ _"}}}]}


@pytest.fixture
def developer(transactional_db: None) -> Developer:
    """The developer of the server's key."""
    found: Developer = Developer.objects.get()
    return found


@pytest.fixture(autouse=True)
def no_defaults(settings: Any) -> None:
    """Everything is kept for ever, unless a test says otherwise."""
    settings.RETENTION_DAYS = {}


@pytest.fixture
def keep(developer: Developer) -> Callable[..., None]:
    """Sets periods of 30 days."""

    def set_periods(*kinds: str) -> None:
        for kind in kinds:
            RetentionPeriod.objects.create(developer=developer, kind=kind, days=30)

    return set_periods


@pytest.fixture
def runs(
    developer: Developer, settings: Any, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> Iterator[FlowRunner]:
    """Runs whose values lie in the storage."""
    settings.AGENTS_API_KEY, settings.BLOB_STORE_CUTOFF_KB, settings.MEDIA_ROOT = API_KEY, 1, str(tmp_path)
    runner = FlowRunner(django_capture_on_commit_callbacks)
    with dispatching_to(runner.dispatcher):
        yield runner


def age(rows: Any, **more: Any) -> None:
    """Let rows be from long ago."""
    rows.update(created_at=OLD, **more)


def stored() -> list[Path]:
    """The contents in the storage."""
    return [path for path in Path(default_storage.location).rglob("*") if path.is_file()]  # type: ignore[attr-defined]


def start(runs: FlowRunner, count: int = 1) -> list[Any]:
    """Ended runs of one task."""
    task = runs.create(ECHO).json()["id"]
    return [runs.start(task, {"text": LARGE})["id"] for _ in range(count)]


def test_runs_go_with_all_that_is_theirs(runs: FlowRunner, keep: Any, developer: Developer) -> None:
    old, ended_lately, new = start(runs, 3)
    waiting = runs.start(runs.create({"main": [{"wait_for_input": {"info": {"q": "$ 1"}}}]}).json()["id"], {})["id"]
    age(Execution.objects.filter(pk__in=[old, waiting]), updated_at=OLD)
    age(Execution.objects.filter(pk=ended_lately))
    keep("runs")
    assert count_due(developer) == {"runs": 1}
    assert (retain(), count_due(developer)) == (1, {"runs": 0})
    left = set(map(str, Execution.objects.values_list("pk", flat=True)))
    assert left == {ended_lately, new, waiting}
    for model in (Transition, Branch, Blob):
        assert {str(found) for found in model.objects.values_list("execution_id", flat=True)} <= left
    assert {path.parent.name for path in stored()} <= left
    assert runs.api.get(f"/executions/{new}").json()["input"] == {"text": LARGE}
    act = AuditRecord.objects.filter(verb="retain").get()
    assert (act.object_id, act.actor_kind, (act.after or {})["days"]) == ("runs", "system", 30)


def test_a_removal_that_is_killed_is_completed_by_the_next(
    runs: FlowRunner, keep: Any, developer: Developer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every statement: nothing that stays refers to what is gone, and no content is left over."""
    keep("runs")
    for place in range(8):
        [run_id] = start(runs)
        age(Execution.objects.filter(pk=run_id), updated_at=OLD)
        steps = iter(range(place))

        def step(self: Pace, *given: Any, ordinary: Any = Pace.step, steps: Any = steps) -> Any:
            if next(steps, None) is None:
                raise OutOfTime
            return ordinary(self, *given)

        with monkeypatch.context() as patch:
            patch.setattr(Pace, "step", step)
            if place == 7:
                patch.setattr(expiry.blobs, "forget_runs", lambda ids: None)
            retain()
        if Execution.objects.filter(pk=run_id).exists():
            assert runs.api.get(f"/executions/{run_id}").status_code == 200
        retain()
        age(Blob.objects.all())
        prune_blobs()
        assert not Execution.objects.filter(pk=run_id).exists()
        assert (stored(), Blob.objects.count(), Transition.objects.count()) == ([], 0, 0)


def test_entries_go_and_sessions_stay(developer: Developer, keep: Any) -> None:
    session = Session.objects.create(developer=developer)
    age(Session.objects.all())
    fields = {"session": session, "role": "user", "source": EntrySource.API_REQUEST, "tokenizer": "", "token_count": 1}
    for seq in range(1, 8):
        Entry.objects.create(seq=seq, place=seq, content=str(seq), **fields)
    age(Entry.objects.filter(seq__lte=5))
    Entry.objects.filter(seq__in=(1, 2)).update(superseded_by=Entry.objects.get(seq=5))
    keep("entries")
    assert count_due(developer) == {"entries": 5}
    assert retain() == 5
    assert [entry.seq for entry in Entry.objects.all()] == [6, 7]
    assert Session.objects.exists()


def test_responses_go_when_no_newer_one_follows_them(developer: Developer, keep: Any) -> None:
    def respond(previous: Any = None, status: str = "completed") -> StoredResponse:
        return StoredResponse.objects.create(developer=developer, status=status, body={}, previous=previous)

    first = respond()
    second = respond(first)
    kept = respond()
    newer = respond(kept)
    open_ = respond(status="in_progress")
    age(StoredResponse.objects.exclude(pk=newer.pk))
    keep("responses")
    assert retain() == 2
    assert set(StoredResponse.objects.all()) == {kept, newer, open_}
    assert second.previous == first


def test_files_go_with_their_contents(runs: FlowRunner, keep: Any) -> None:
    old, new = (runs.api.post("/files", {"name": f"f{n}", "content": "aGk="}).json()["id"] for n in range(2))
    age(File.objects.filter(pk=old))
    keep("files")
    assert retain() == 1
    assert [path.name for path in stored()] == [new]
    assert [str(row.file_id) for row in FileContent.objects.all()] == [new]
    assert runs.api.get(f"/files/{old}").status_code == 404


def test_docs_go_with_their_vectors(developer: Developer, keep: Any, settings: Any) -> None:
    """Whoever owns them, in whatever batches; other developers' stay."""
    settings.AGENTS_API_KEY = API_KEY
    api = ApiClient()
    agent, user = (api.post(path, {"name": "n"}).json()["id"] for path in ("/agents", "/users"))
    said = {"title": "t", "content": [str(index) for index in range(60)]}
    old = [api.post(path, said).json()["id"] for path in (f"/agents/{agent}/docs", f"/users/{user}/docs")]
    new = api.post(f"/agents/{agent}/docs", {"title": "new", "content": "c"}).json()["id"]
    while embed_due():
        """Another doc has its vectors."""
    age(Doc.objects.filter(pk__in=old))
    keep("docs")
    assert (Embedding.objects.count(), count_due(developer)) == (121, {"docs": 2})
    assert (retain(), count_due(developer)) == (2, {"docs": 0})
    for model in (Chunk, Embedding, DocEmbedding):
        assert [str(found) for found in model.objects.values_list("doc_id", flat=True)] == [new]
    assert api.get(f"/docs/{new}").json()["content"] == ["c"]


def test_the_logs_of_removed_developers(developer: Developer, settings: Any, capsys: Any) -> None:
    """By the server's default: nobody is there who could say anything else."""
    gone = [Developer.objects.create(email=f"{name}@example.com") for name in "ab"]
    ids = [each.pk for each in gone]
    for owner_id in (*ids, developer.pk, None):
        for created_at in (OLD, Now()):
            AuditRecord.objects.create(
                developer_id=owner_id, created_at=created_at, verb="create", object_kind="agent", object_id="x"
            )
    for owner in (gone[0], developer):
        RetentionPeriod.objects.create(developer=owner, kind="audit", days=None)
    for each in gone:
        each.delete()
    assert retain() == 0
    settings.RETENTION_DAYS = {"audit": 30}
    call_command("retain", "--dry-run")
    assert "removed developers audit: 2 due" in capsys.readouterr().out
    assert (retain(), retain()) == (2, 0)
    left = Counter(AuditRecord.objects.filter(verb="create").values_list("developer", flat=True))
    assert left == {ids[0]: 1, ids[1]: 1, developer.pk: 2, None: 2}
    acts = AuditRecord.objects.filter(verb="retain", developer=None)
    assert {(act.after or {})["developer"] for act in acts} == set(map(str, ids))


def test_usage_and_the_log_itself(developer: Developer, keep: Any) -> None:
    stranger = Developer.objects.create(email="s@example.com")
    for owner in (developer, stranger):
        for created_at in (OLD, Now()):
            ModelUsage.objects.create(developer=owner, model="m", folded=True, created_at=created_at)
            AuditRecord.objects.create(
                developer=owner, created_at=created_at, verb="create", object_kind="agent", object_id="x"
            )
    keep("calls", "audit")
    assert retain_developer(developer) == {"audit": 1, "calls": 1}
    assert ModelUsage.objects.filter(developer=developer).count() == 1
    assert AuditRecord.objects.filter(developer=developer, verb="create").count() == 1
    assert (ModelUsage.objects.filter(developer=stranger).count(), count_due(stranger)) == (2, {})


def test_defaults_count_where_a_developer_says_nothing(developer: Developer, settings: Any) -> None:
    settings.RETENTION_DAYS = {"calls": 30}
    other, forever = (Developer.objects.create(email=f"{name}@example.com") for name in "ab")
    RetentionPeriod.objects.create(developer=forever, kind="calls", days=None)
    for owner in (developer, other, forever):
        ModelUsage.objects.create(developer=owner, model="m", folded=True, created_at=OLD)
    assert retain() == 2
    assert ModelUsage.objects.get().developer == forever


def test_a_statement_that_takes_long_is_ended_and_tried_with_fewer_rows(
    developer: Developer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace_module, "LONGEST_MS", 20)
    for _ in range(9):
        ModelUsage.objects.create(developer=developer, model="m", folded=True)
    slow = """
        DELETE FROM agents_modelusage WHERE id IN (
            SELECT id FROM agents_modelusage LIMIT %(rows)s) AND pg_sleep(0.009) IS NOT NULL RETURNING id
    """
    pace, before = Pace(), fetch("SHOW statement_timeout")
    assert pace.drain(slow, {}) == 9
    assert pace.rows < 9
    assert fetch("SHOW statement_timeout") == before


def test_only_retention_may_remove_from_the_log(developer: Developer) -> None:
    AuditRecord.objects.create(developer=developer, verb="create", object_kind="agent", object_id="x")
    statement = "DELETE FROM audit_auditrecord RETURNING id"
    with pytest.raises(Exception, match="append-only"):
        Pace().step(statement, {})
    with transaction.atomic():
        assert len(Pace(upkeep=UPKEEP).step(statement, {})) == 1


def test_a_pass_ends_in_time(developer: Developer, keep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ModelUsage.objects.create(developer=developer, model="m", folded=True, created_at=OLD)
    keep("calls")
    with pytest.raises(OutOfTime):
        retain_developer(developer, pace=Pace(seconds=-1))
    assert (ModelUsage.objects.count(), retain()) == (1, 1)


def test_the_command(developer: Developer, keep: Any, capsys: Any) -> None:
    ModelUsage.objects.create(developer=developer, model="m", folded=True, created_at=OLD)
    keep("calls", "files")
    call_command("retain", "--dry-run")
    assert capsys.readouterr().out.splitlines() == [f"{developer.pk} calls: 1 due", f"{developer.pk} files: 0 due"]
    call_command("retain", "--kind", "calls", "--developer", str(developer.pk))
    assert capsys.readouterr().out == f"{developer.pk} calls: 1 removed\n"
    assert AuditRecord.objects.get(verb="retain").actor_kind == "command"


def test_runs_that_have_ended_are_known_by_their_statuses() -> None:
    assert all(f"'{status.value}'" in expiry.RUNS.due for status in TERMINAL_EXECUTION)
    kinds = "audit bulk calls conversations docs entries events files hook_calls occurrences records responses runs"
    assert sorted(KINDS) == [*kinds.split(), "webhooks"]


def test_without_periods_nothing_goes(developer: Developer, settings: Any) -> None:
    settings.AGENTS_API_KEY = API_KEY
    ModelUsage.objects.create(developer=developer, model="m", folded=True, created_at=OLD)
    assert (retain(), ApiClient().get("/retention", {"dry_run": "true"}).json()["items"][0].get("due")) == (0, None)


@pytest.mark.parametrize("table", ["audit_auditrecord", "agents_modelusage", "docs_store_doc", "docs_store_file"])
def test_what_is_too_old_is_found_by_its_age(db: None, table: str) -> None:
    """However much there is that is not: it is looked for once an hour, for every developer. Which index the planner
    takes while there is little to look through is not fixed."""
    definitions = [text for (text,) in fetch("SELECT indexdef FROM pg_indexes WHERE tablename = %s", [table])]
    assert [text for text in definitions if "(developer_id, created_at" in text], definitions
