"""Staff pages of docs: to be read only."""

from collections.abc import Callable

import pytest
from django.test import Client

from docs_store.models import Doc
from tests.api_client import ApiClient


@pytest.mark.parametrize("kind", ["doc", "chunk", "embeddingmodel", "docembedding"])
def test_lists_and_details(admin_client: Client, doc: Callable[..., str], kind: str) -> None:
    doc(["ships", "<script>"], (1, 0, 0))
    page = admin_client.get(f"/admin/docs_store/{kind}/")
    assert page.status_code == 200 and b"<script>" not in page.content.split(b"result_list")[1]
    row = page.context["cl"].result_list[0]
    assert admin_client.get(f"/admin/docs_store/{kind}/{row.pk}/change/").status_code == 200
    assert admin_client.get(f"/admin/docs_store/{kind}/add/").status_code == 403


def test_failed_docs_can_be_found(admin_client: Client, doc: Callable[..., str]) -> None:
    doc("ships", (1, 0, 0))
    assert admin_client.get("/admin/docs_store/docembedding/?state__exact=failed").context["cl"].result_count == 0
    assert admin_client.get("/admin/docs_store/docembedding/?q=ships").context["cl"].result_count == 1


def test_files_are_listed_without_their_contents(admin_client: Client, api: ApiClient) -> None:
    file = api.post("/files", {"name": "tide.txt", "content": "aGlnaA=="}).json()["id"]
    page = admin_client.get("/admin/docs_store/file/?q=tide")
    assert page.status_code == 200 and page.context["cl"].result_count == 1 and b"aGlnaA" not in page.content
    assert admin_client.get(f"/admin/docs_store/file/{file}/change/").status_code == 200


def test_docs_cannot_be_edited(admin_client: Client, doc: Callable[..., str]) -> None:
    doc_id = doc("ships")
    assert admin_client.post(f"/admin/docs_store/doc/{doc_id}/change/", {"title": "x"}).status_code == 403
    assert admin_client.post(f"/admin/docs_store/doc/{doc_id}/delete/", {"post": "yes"}).status_code == 403
    assert Doc.objects.get().title == "ships"
