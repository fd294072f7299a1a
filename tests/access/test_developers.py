"""What is checked of the developer that a request is for, in this order."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from agents.access import developers
from agents.access.developers import make_developer
from agents.models import Developer, ModelUsage, Project
from tests.access.test_tokens import NO_ID, REFUSED, SUB, good, send
from tests.access.tokens import shared
from tests.api_client import API_KEY, ApiClient

NO_ACCOUNT = {"error": {"message": "Invalid user account", "code": "invalid_user_account", "type": "http_error"}}
TOO_DEAR = {"error": {"message": "Cost limit exceeded", "code": "cost_limit_exceeded", "type": "http_error"}}


@pytest.fixture
def known(tenants: None) -> Developer:
    make_developer(UUID(SUB), "a@example.com")
    return Developer.objects.get(pk=SUB)


def act(**options: Any) -> Any:
    return send(shared(good()), method="POST", body={"name": "A"}, **options)


def test_unknown(tenants: None) -> None:
    answer = act()
    assert (answer.status_code, answer.json()) == (403, NO_ACCOUNT)
    assert Developer.objects.count() == 1


def test_made_on_first_sight(tenants: None, settings: Any) -> None:
    settings.JWT_CREATE_DEVELOPERS = True
    assert act().status_code == 201
    made = Developer.objects.get(pk=SUB)
    assert (made.email, made.tags, made.active) == ("a@example.com", [], True)
    assert [project.canonical_name for project in Project.objects.filter(developer=made)] == ["default"]


@pytest.mark.parametrize("email", ["no address", "a@b" + "c" * 300 + ".org", 5, None])
def test_made_without_what_is_no_address(tenants: None, settings: Any, email: Any) -> None:
    settings.JWT_CREATE_DEVELOPERS = True
    assert send(shared(good(email=email))).status_code == 200
    assert Developer.objects.get(pk=SUB).email == ""


def test_the_operator_names_a_developer(known: Developer) -> None:
    client = ApiClient(key=API_KEY)
    made = client.post("/users", {"name": "A"}, headers={"X-Developer-Id": SUB})
    assert (made.status_code, len(send(shared(good())).json()["items"])) == (201, 1)
    for developer_id, body in (("x", NO_ID), (f"{SUB},{SUB}", NO_ID), (str(uuid4()), NO_ACCOUNT)):
        assert client.get("/users", headers={"X-Developer-Id": developer_id}).json() == body


def test_nobody_else_does(known: Developer, stranger: Developer) -> None:
    headers = {"X-Developer-Id": str(stranger.pk)}
    assert act(headers=headers).status_code == 201
    assert len(send(shared(good())).json()["items"]) == 1
    assert ApiClient(key=None).get("/users", headers=headers).json() == REFUSED


def test_a_gateway_sends_both(known: Developer, stranger: Developer) -> None:
    assert act(headers={"X-Auth-Key": API_KEY, "X-Developer-Id": SUB}).status_code == 201
    assert len(send(shared(good())).json()["items"]) == 1


def test_of_two_that_differ_none_counts(known: Developer) -> None:
    second = shared(good(jti="second"))
    assert act(headers={"X-Auth-Key": second}).json() == REFUSED
    assert act(headers={"Authorization": f"Bearer {second},Bearer {shared(good())}"}).json() == REFUSED


@pytest.mark.parametrize("tags", [[], ["paid"]])
def test_switched_off(known: Developer, tags: list[str]) -> None:
    Developer.objects.filter(pk=SUB).update(active=False, tags=tags)
    for answer in (act(), send(shared(good())), send(shared(good()), path="/models")):
        assert (answer.status_code, answer.json()) == (403, NO_ACCOUNT)


@pytest.mark.parametrize(
    ("cost", "tags", "status"),
    [("2.000000001", [], 403), ("2", [], 201), (None, [], 403), ("3", ["paid"], 201), (None, ["paid"], 201)],
)
def test_cost(known: Developer, settings: Any, cost: str | None, tags: list[str], status: int) -> None:
    settings.UNKNOWN_PRICE_USD = None
    Developer.objects.filter(pk=SUB).update(tags=tags)
    ModelUsage.objects.create(developer=known, model="m", cost=cost)
    ModelUsage.objects.create(developer=known, model="m", cost=9, custom_api_used=True)
    answer = act()
    assert answer.status_code == status
    assert status == 201 or answer.json() == TOO_DEAR
    assert send(shared(good())).status_code == 200


def test_a_cost_that_nobody_can_tell_refuses_nobody(known: Developer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: UUID) -> None:
        raise RuntimeError

    monkeypatch.setattr(developers, "free_tier_cost", fail)
    assert act().status_code == 201


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("cost", "status"), [(9, 403), (1, 200)])
def test_cost_in_async_views(known: Developer, cost: int, status: int) -> None:
    ModelUsage.objects.create(developer=known, model="m", cost=cost)
    answer = send(shared(good()), method="POST", path="/embed", body={"text": "a"})
    assert answer.status_code == status
    assert status == 200 or answer.json() == TOO_DEAR
    assert send(shared(good()), path="/models").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_same_developer_seen_first_by_several(tenants: None, settings: Any) -> None:
    settings.JWT_CREATE_DEVELOPERS = True

    def first(number: int) -> int:
        try:
            status: int = send(shared(good(number=number))).status_code
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(first, range(8))) == {200}
    assert Developer.objects.filter(pk=SUB).count() == Project.objects.filter(developer_id=SUB).count() == 1
