"""`manage.py doctor` asks every process whether it reads what others store and has their settings."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from julep_project import doctor_processes
from julep_project.core.errors import StorageUnavailable
from julep_project.core.health import witness
from julep_project.core.health.health import Report
from julep_project.core.storage import storage
from tests.api_client import API_KEY, ApiClient
from tests.backend import Backend

SECRET = "sk-only-here"


def examine(*apis: str) -> dict[str, Report]:
    return {report.component: report for report in doctor_processes.examine(apis)}


def contents() -> list[str]:
    return default_storage.listdir("doctor")[1] if default_storage.exists("doctor") else []


@pytest.fixture(autouse=True)
def key(settings: Any) -> None:
    settings.AGENTS_API_KEY = API_KEY


@pytest.fixture
def stranger(backend: Backend, tmp_path: Path) -> Iterator[Backend]:
    """An io worker and an API of another machine, whose folder of contents, models and keys are its own."""
    environment = {"MEDIA_ROOT": str(tmp_path / "files"), "MODELS": "gpt-4o", "GEMINI_API_KEY": SECRET}
    other = Backend(tmp_path / "stranger", environment)
    other.start("io2", "api")
    yield other
    other.stop()


def test_all_read_what_one_stores(backend: Backend) -> None:
    found = examine(backend.url)

    assert [report for report in found.values() if not report.ok] == []
    assert found["queue io"].detail == "io@test read what this process stored"
    assert found[f"api {backend.url}"].detail.startswith(f"api@{socket.gethostname()}:")
    assert found["settings"].detail == "the same for 4 processes"
    assert contents() == []


@pytest.mark.slow
def test_who_cannot_read_and_who_has_other_settings_is_named(stranger: Backend) -> None:
    found = examine(stranger.url)

    assert found["queue engine"].ok
    assert found["queue io"].detail == "io2@test cannot read what this process stored (No such file or directory)"
    assert "cannot read what this process stored" in found[f"api {stranger.url}"].detail
    says = found["settings"].detail
    assert "MODELS differs: engine@test, io@test, maintenance@test | api@" in says
    assert "GEMINI_API_KEY differs" in says
    assert "LEASE_SECONDS" not in says
    assert SECRET not in says
    assert not any(found[name].ok for name in ("queue io", f"api {stranger.url}", "settings"))
    assert contents() == []


def test_an_api_with_another_key_is_named(backend: Backend, settings: Any) -> None:
    settings.AGENTS_API_KEY = "another"
    assert examine(backend.url)[f"api {backend.url}"].detail == "has another AGENTS_API_KEY"


def test_a_queue_nobody_serves_and_a_worker_that_is_silent(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_processes, "_PATIENCE_S", 0.6)
    asked = [doctor_processes._Asked("engine", set()), doctor_processes._Asked("io", {"io@gone"})]
    monkeypatch.setattr(doctor_processes, "_asked_queues", lambda: asked)

    found = examine()

    assert found["queue engine"].detail == "no worker takes its messages"
    assert found["queue io"].detail == "io@gone did not answer within 0.6 s"


@pytest.mark.django_db(transaction=True)
def test_a_storage_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(name: str, content: Any) -> None:
        raise StorageUnavailable("The content cannot be stored now; try again later")

    monkeypatch.setattr(storage, "save_new", full)
    assert examine() == {
        "storage": Report("storage", ok=False, detail="The content cannot be stored now; try again later")
    }


@pytest.mark.django_db(transaction=True)
def test_another_database_has_not_the_lock() -> None:
    with witness.inquiry() as inquiry:
        seen = witness.testify(inquiry.id, who="me")
    assert (inquiry.troubles(seen)) == ["uses another database"]  # a lock does not keep out its own session


def test_an_api_speaks_only_of_an_open_inquiry(api: ApiClient) -> None:
    with witness.inquiry() as inquiry:
        assert api.get(f"/witness/{inquiry.id}").json()["content"] == inquiry.content
        assert ApiClient(key="wrong").get(f"/witness/{inquiry.id}").status_code == 403
    other = "00000000-0000-4000-8000-000000000000"
    assert api.get(f"/witness/{other}").status_code == 404


def said(who: str, **settings: str) -> witness.Testimony:
    return witness.Testimony(who, "", "", True, settings)


def test_processes_are_grouped_by_what_they_have() -> None:
    three = [said("a", MODELS="1"), said("b", MODELS="1"), said("c", MODELS="2")]
    assert witness.differing_settings(three) == {"MODELS": [["a", "b"], ["c"]]}


def test_only_of_keys_silence_is_a_difference() -> None:
    two = [said("a", OPENAI_API_KEY="1", LITELLM="1"), said("b")]
    assert witness.differing_settings(two) == {"OPENAI_API_KEY": [["a"], ["b"]]}


def test_with_another_secret_key_nothing_else_can_be_told() -> None:
    two = [said("a", SECRET_KEY="1", MODELS="1"), said("b", SECRET_KEY="2", MODELS="2")]
    assert witness.differing_settings(two) == {"SECRET_KEY": [["a"], ["b"]]}


@pytest.mark.django_db(transaction=True)
def test_fingerprints_hold_no_values(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", SECRET)
    with witness.inquiry() as inquiry:
        first = witness.testify(inquiry.id, who="me").settings
        settings.SECRET_KEY = "another"
        second = witness.testify(inquiry.id, who="me").settings

    assert {"GEMINI_API_KEY", "MODELS", "SECRET_KEY", "JULEP_HTTP_ALLOW"} <= first.keys()
    assert not any(name in first for name in witness.PER_PROCESS)
    assert all(first[name] != second[name] for name in first)
    assert SECRET not in str(first)
