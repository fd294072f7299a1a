"""Staff pages of API keys."""

from typing import Any

import pytest
from django.test import Client

from agents.access.key_text import is_key
from agents.access.models import ApiKey
from agents.access.services import create_key
from agents.models import Developer
from julep_project.core.process.remembered import forget_everything
from tests.access.test_tokens import REFUSED
from tests.api_client import ApiClient

LIST, ADD = "/admin/access/apikey/", "/admin/access/apikey/add/"


def form(developer: Developer, **changed: Any) -> dict[str, Any]:
    return {"developer": str(developer.pk), "label": "made by staff", "scopes": ["read"], **changed}


def test_a_new_key_is_shown_once(admin_client: Client, api: ApiClient, developer: Developer) -> None:
    assert admin_client.get(ADD).status_code == 200
    page = admin_client.post(ADD, form(developer))
    text = page.context["key"].text
    assert (page.status_code, "no-store" in page.headers["Cache-Control"], is_key(text)) == (200, True, True)
    assert text in page.content.decode()
    key = ApiKey.objects.get()
    assert (key.label, key.scopes, key.developer) == ("made by staff", ["read"], developer)
    assert ApiClient(key=text).get("/agents").status_code == 200
    shown = [admin_client.get(path).content.decode() for path in (LIST, f"{LIST}{key.pk}/change/")]
    assert all(text not in each and key.digest.hex() not in each and key.prefix in each for each in shown)
    assert text not in str(admin_client.cookies)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "expires_at"),
        ({"scopes": []}, "scopes"),
        ({"label": ""}, "label"),
    ],
)
def test_what_will_not_do(admin_client: Client, developer: Developer, changed: dict[str, Any], field: str) -> None:
    page = admin_client.post(ADD, form(developer, **changed))
    assert page.status_code == 200
    assert list(page.context["adminform"].form.errors) == [field]
    assert ApiKey.objects.count() == 0


def test_revoked(admin_client: Client, api: ApiClient, developer: Developer) -> None:
    key, text = create_key(developer=developer, values={"label": "k"})
    data = {"action": "revoke", "_selected_action": [str(key.pk)]}
    assert admin_client.post(LIST, data).status_code == 302
    forget_everything()
    assert ApiClient(key=text).get("/agents").json() == REFUSED
    for path in (f"{LIST}{key.pk}/delete/", f"{LIST}{key.pk}/change/"):
        assert admin_client.post(path, {"post": "yes", "label": "x"}).status_code == 403
