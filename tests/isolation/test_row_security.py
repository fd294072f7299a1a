"""The second wall: what the database shows and takes when the code asks for more than it may."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction
from psycopg.errors import FeatureNotSupported, InsufficientPrivilege

from agents.models import Agent, Developer, User
from executions.inprocess import InProcessDispatcher
from julep_project.core.database import execute, fetch
from julep_project.core.row_security.policies import guarded_tables
from julep_project.core.tenancy import TenantQuerySet, empty_scope, system_scope, tenant_scope
from tests.isolation.rows import complete
from tests.isolation.tenants import Tenant, furnish

_MODELS = {model._meta.db_table: model for model in apps.get_models()}


@contextmanager
def refused() -> Iterator[None]:
    """The database refuses the statement of the block, and for this reason."""
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        yield
    assert isinstance(caught.value.__cause__, InsufficientPrivilege)


def rows_in(table: str) -> dict[Any, Any]:
    model = _MODELS[table]
    rows: Any = model._base_manager.all()
    return {row.pk: row for row in rows}


def seen_by(developer_id: UUID, table: str) -> dict[Any, Any]:
    with tenant_scope(developer_id):
        return rows_in(table)


@pytest.mark.django_db(transaction=True)
class TestEveryTable:
    """One test of all tables: their tenants are made once."""

    def test_is_closed_to_others(self, dispatcher: InProcessDispatcher) -> None:
        ours, theirs = (complete(furnish(name, dispatcher)) for name in ("ours", "theirs"))
        for guarded in guarded_tables():
            table = guarded.table
            seen, foreign = seen_by(ours.developer.pk, table), seen_by(theirs.developer.pk, table)
            assert seen and foreign, f"{table} has no row of a tenant: make one in tests/isolation/rows.py"
            assert not seen.keys() & foreign.keys(), table
            others = rows_in(table).keys() - seen.keys()
            with empty_scope():
                assert not rows_in(table), table
            with tenant_scope(ours.developer.pk):
                self._is_closed(table, _MODELS[table], list(foreign.values()), others)
            assert seen_by(theirs.developer.pk, table).keys() == foreign.keys(), table

    def _is_closed(self, table: str, model: Any, foreign: list[models.Model], others: set[Any]) -> None:
        rows: Any = model._base_manager.filter(pk__in=others)
        key = connection.ops.quote_name(model._meta.pk.column)
        assert rows._raw_delete(rows.db) == 0, table
        assert execute(f'UPDATE "{table}" SET {key} = {key} WHERE {key} = ANY (%s)', [list(others)]) == 0, table
        with refused():
            copy = foreign[0]
            copy.pk = type(copy.pk)(uuid4().hex) if isinstance(copy.pk, UUID | str) else copy.pk + 1_000_000
            copy.save_base(raw=True, force_insert=True)


class TestOtherWays:
    """Ways around a query of the ORM."""

    @pytest.fixture
    def theirs(self, stranger: Developer) -> Agent:
        project = stranger.projects.create(name="p", canonical_name="p")
        return Agent.objects.create(developer=stranger, project=project, name="Canary", canonical_name="canary")

    @pytest.fixture(autouse=True)
    def ours(self, theirs: Agent, developer: Developer) -> Iterator[None]:
        with tenant_scope(developer.pk):
            yield

    def test_a_view(self) -> None:
        with transaction.atomic():
            self._as_login("CREATE VIEW every_agent AS SELECT name FROM agents_agent")
            self._as_login("CREATE VIEW own WITH (security_invoker) AS SELECT name FROM agents_agent")
            self._as_login("GRANT SELECT ON own TO PUBLIC")
            with refused():
                fetch("SELECT * FROM every_agent")
            assert fetch("SELECT * FROM own") == []

    def test_a_function(self) -> None:
        with transaction.atomic():
            self._as_login("CREATE FUNCTION agents() RETURNS SETOF agents_agent LANGUAGE sql AS 'TABLE agents_agent'")
            assert fetch("SELECT * FROM agents()") == []

    def test_a_condition_that_tells_what_it_sees(self) -> None:
        """A cast that fails names its text: it may be tried on own rows only."""
        assert fetch("SELECT 1 FROM agents_agent WHERE name::int = 1") == []

    def test_an_explanation_counts_own_rows_only(self) -> None:
        lines = fetch("EXPLAIN (ANALYZE, TIMING off, COSTS off) SELECT * FROM agents_agent")
        assert "actual rows=0" in lines[0][0]

    def test_statistics(self) -> None:
        execute("SELECT 1")
        assert fetch("SELECT * FROM pg_stats WHERE tablename = 'agents_agent'") == []

    def test_a_probe_of_a_unique_name(self, developer: Developer) -> None:
        """The name that another has is free: uniqueness is of one developer."""
        project = developer.projects.get()
        Agent.objects.create(developer=developer, project=project, name="Canary", canonical_name="canary")

    def test_a_row_is_not_given_away(self, stranger: Developer, developer: Developer) -> None:
        agent = Agent.objects.create(
            developer=developer, project=developer.projects.get(), name="Own", canonical_name="own"
        )
        with refused():
            Agent.objects.filter(pk=agent.pk).update(developer=stranger)

    def test_copying_out_and_in(self) -> None:
        own: Any = connection.cursor()
        with transaction.atomic(), own as cursor, cursor.copy("COPY agents_agent TO STDOUT") as copied:
            assert list(copied) == []
        with pytest.raises(FeatureNotSupported, match="COPY FROM not supported with row-level security"):
            self._copy_in()

    def test_tables_of_staff(self) -> None:
        for table in ("auth_user", "django_session", "django_admin_log", "axes_accessattempt"):
            with refused():
                fetch(f"SELECT * FROM {table}")

    def test_switching_policies_off(self) -> None:
        with pytest.raises(DatabaseError, match="query would be affected by row-level security"), transaction.atomic():
            execute("SET LOCAL row_security = off")
            fetch("SELECT * FROM agents_agent")
        with pytest.raises(DatabaseError, match="must be owner"), transaction.atomic():
            execute("ALTER TABLE agents_agent DISABLE ROW LEVEL SECURITY")

    def _copy_in(self) -> None:
        copying: Any = connection.cursor()
        with transaction.atomic(), copying as cursor, cursor.copy("COPY agents_agent FROM STDIN"):
            """Nothing is sent: the statement is refused."""

    def _as_login(self, statement: str) -> None:
        with system_scope():
            execute(statement)


@pytest.mark.django_db(transaction=True)
class TestWithoutSelectors:
    """Everything the code does to keep tenants apart is taken away."""

    @pytest.fixture
    def tenants(self, dispatcher: InProcessDispatcher, monkeypatch: pytest.MonkeyPatch) -> tuple[Tenant, Tenant]:
        made = furnish("ours", dispatcher), furnish("theirs", dispatcher)
        monkeypatch.setattr(TenantQuerySet, "for_developer", lambda self, developer: self.all())
        return made

    def test_requests_find_nothing_of_others(self, tenants: tuple[Tenant, Tenant]) -> None:
        ours, theirs = tenants
        foreign = {value for kind, value in theirs.ids.items() if kind != "audit_request"}
        for path in ("/agents", "/users", "/sessions", "/files", "/projects", "/secrets", "/audit", "/api_keys"):
            answer = ours.api.get(path, {"limit": "100"})
            assert answer.status_code == 200
            assert not [each for each in foreign if each in answer.content.decode()], path
        for kind in ("agent", "user", "session", "task", "execution", "file"):
            path = f"/{kind}s/{theirs.ids[kind]}"
            assert ours.api.get(path).status_code == 404, path
            assert theirs.api.get(path).status_code == 200, path
        assert ours.api.delete(f"/agents/{theirs.ids['agent']}").status_code == 404
        found = ours.api.post(f"/agents/{theirs.ids['agent']}/search", {"text": "tides"})
        assert theirs.ids["doc"] not in found.content.decode()

    def test_a_run_finds_nothing_of_others(
        self, tenants: tuple[Tenant, Tenant], dispatcher: InProcessDispatcher
    ) -> None:
        ours, theirs = tenants
        tool = {"name": "look", "type": "system", "system": {"resource": "agent", "operation": "list"}}
        task = {"name": "look", "main": [{"tool": "look", "arguments": {}}], "tools": [tool]}
        task_id = ours.api.post(f"/agents/{ours.ids['agent']}/tasks", task).json()["id"]
        execution_id = ours.api.post(f"/tasks/{task_id}/executions", {"input": {}}).json()["id"]
        dispatcher.run_to_rest(UUID(execution_id))
        answer = ours.api.get(f"/executions/{execution_id}").json()
        assert answer["status"] == "succeeded", answer
        told = str(answer["output"])
        assert ours.ids["agent"] in told and theirs.ids["agent"] not in told


class TestIndexes:
    """Policies keep no index from being used."""

    @pytest.fixture(autouse=True)
    def ours(self, developer: Developer) -> Iterator[None]:
        with transaction.atomic(), tenant_scope(developer.pk):
            execute("SET LOCAL enable_seqscan = off")
            yield

    def test_of_metadata(self, developer: Developer) -> None:
        project = developer.projects.get()
        users = (User(developer=developer, project=project, metadata={"k": number}) for number in range(1000))
        User.objects.bulk_create(users)
        with system_scope():
            execute("ANALYZE agents_user")
        assert "user_metadata" in self._plan(User.objects.filter(metadata__contains={"k": 1}))

    def test_of_words(self) -> None:
        plan = self._explained("SELECT id FROM docs_store_chunk WHERE search @@ 'tides'::tsquery", [])
        assert "chunk_words" in plan

    def test_of_vectors(self, developer: Developer) -> None:
        with system_scope():
            execute(
                "CREATE INDEX vectors ON docs_store_embedding USING hnsw ((vector::halfvec(3)) halfvec_cosine_ops) "
                "WHERE model = 'm'"
            )
        execute("SET LOCAL enable_sort = off")
        plan = self._explained(
            "SELECT id FROM docs_store_embedding WHERE developer_id = %s AND model = 'm' "
            "ORDER BY vector::halfvec(3) <=> '[1,2,3]'::halfvec(3) LIMIT 5",
            [developer.pk],
        )
        assert "vectors" in plan and "Sort" not in plan

    def test_of_the_developer(self, developer: Developer) -> None:
        """What the query says and what the policy says are one condition."""
        plan = self._plan(Agent.objects.for_developer(developer).order_by("-created_at", "-id")[:10])
        assert "Index Cond: (developer_id = " in plan and "Seq Scan" not in plan

    def _plan(self, rows: Any) -> str:
        text, parameters = rows.query.sql_with_params()
        return self._explained(text, parameters)

    def _explained(self, text: str, parameters: Any) -> str:
        return "\n".join(line for (line,) in fetch(f"EXPLAIN {text}", parameters))
