"""A filter on metadata finds its rows by an index, in every list that has one."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.api_client import ApiClient

_ROWS = 5_000

# What must differ from row to row.
_UNIQUE = {
    "agents_project": "canonical_name",
    "agents_agent": "canonical_name",
    "tasks_task": "canonical_name",
    "docs_store_doc": "content_hash",
}


def multiply(table: str, row_id: str) -> None:
    """Copies of the row, each with metadata of its own."""
    others = f", '{_UNIQUE[table]}', 'copy' || n" if table in _UNIQUE else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {table} SELECT copy.* FROM {table} t, generate_series(1, {_ROWS}) AS n,
                jsonb_populate_record(t, jsonb_build_object(
                    'id', gen_random_uuid(), 'metadata', jsonb_build_object('n', n){others})) AS copy
            WHERE t.id = %s
            """,
            [row_id],
        )
    analyze(table)


def analyze(table: str) -> None:
    """What autovacuum does in time: gives the planner its figures, and GIN indexes what waits to be merged into them.

    Every look reads all that waits, so the planner's choice would hang on how much the rows before left there.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {table}")
        cursor.execute(
            """
            SELECT gin_clean_pending_list(i.indexrelid)
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
            WHERE i.indrelid = %s::regclass AND m.amname = 'gin'
            """,
            [table],
        )


def plans(client: ApiClient, path: str, query: dict[str, str] | None, body: Any = None) -> list[str]:
    """How the statements of a request that look at metadata are carried out."""
    with CaptureQueriesContext(
        connection,
    ) as asked:
        answer = client.get(path, query) if body is None else client.post(path, body)
    assert answer.status_code == 200, answer.json()
    found = []
    with connection.cursor() as cursor:
        for sql in (statement["sql"] for statement in asked if "@>" in statement["sql"]):
            cursor.execute(f"EXPLAIN {sql}")
            found.append("\n".join(line for (line,) in cursor.fetchall()))
    assert found
    return found


@pytest.fixture
def ids(api: ApiClient) -> dict[str, str]:
    """A row of each kind."""
    agent = api.post("/agents", {"name": "a"}).json()["id"]
    task = api.post(f"/agents/{agent}/tasks", {"name": "t", "main": [{"evaluate": {"n": "$ 1"}}]}).json()["id"]
    return {
        "agent": agent,
        "task": task,
        "project": api.post("/projects", {"name": "p", "canonical_name": "p"}).json()["id"],
        "user": api.post("/users", {"name": "u"}).json()["id"],
        "session": api.post("/sessions", {"agent": agent}).json()["id"],
        "execution": api.post(f"/tasks/{task}/executions", {"input": {}}).json()["id"],
        "doc": api.post(f"/agents/{agent}/docs", {"title": "d", "content": ["c"]}).json()["id"],
    }


@pytest.mark.parametrize(
    ("kind", "table", "path"),
    [
        ("project", "agents_project", "/projects"),
        ("agent", "agents_agent", "/agents"),
        ("user", "agents_user", "/users"),
        ("session", "chat_sessions_session", "/sessions"),
        ("task", "tasks_task", "/agents/{agent}/tasks"),
        ("execution", "executions_execution", "/tasks/{task}/executions"),
        ("doc", "docs_store_doc", "/agents/{agent}/docs"),
    ],
)
def test_lists_find_metadata_by_an_index(api: ApiClient, ids: dict[str, str], kind: str, table: str, path: str) -> None:
    multiply(table, ids[kind])
    for wanted, limit in (("1234", "100"), (str(uuid4()), "100"), ("1234", "1")):
        for plan in plans(api, path.format(**ids), {"metadata_filter[n]": wanted, "limit": limit}):
            assert f"{kind}_metadata" in plan, plan
            # Where rows are a million, a page of one was found by walking through them in this order.
            assert "created_at + '00:00:00'::interval" in plan, plan


def test_a_search_finds_metadata_by_an_index(api: ApiClient, ids: dict[str, str]) -> None:
    multiply("docs_store_doc", ids["doc"])
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO docs_store_chunk (developer_id, agent_id, doc_id, index, content, search)
            SELECT d.developer_id, d.agent_id, d.id, 1, c.content, c.search FROM docs_store_doc d, docs_store_chunk c
            """
        )
    analyze("docs_store_chunk")
    body = {"text": "c", "metadata_filter": {"n": 1234}}
    for plan in plans(api, f"/agents/{ids['agent']}/search", None, body):
        assert "doc_metadata" in plan, plan
