"""Another master key: sealing anew while everything runs, and what is said when a key is not there."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from agents.models import Developer
from agents.vault import rotation
from agents.vault.models import Secret
from agents.vault.services import create_secret, replace_secret
from agents.vault.values import values_of
from julep_project import doctor
from tests.api_client import ApiClient

NAMES = [f"KEY_{number}" for number in range(5)]
VALUES = {name: f"value of {name}" for name in NAMES}


@pytest.fixture
def new_key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def stored(developer: Developer, master_key: str) -> list[Secret]:
    """Secrets sealed with the master key."""
    return [create_secret(developer=developer, values={"name": name, "value": VALUES[name]}) for name in NAMES]


def problems() -> list[str | None]:
    return [found.id for found in run_checks(tags=["julep"])]


def command(*arguments: str) -> Callable[[Any], str]:
    """Runs the command; gives what it wrote."""

    def run(capsys: Any) -> str:
        call_command("rotate_secrets", *arguments)
        return str(capsys.readouterr().out)

    return run


def test_secrets_are_readable_at_every_moment(
    stored: list[Secret], developer: Developer, master_key: str, new_key: str, settings: Any, monkeypatch: Any
) -> None:
    """As they are for runs: each process has both keys until all is sealed with the new one."""
    monkeypatch.setattr(rotation, "_BATCH", 2)
    settings.SECRETS_MASTER_KEY = f"{new_key},{master_key}"
    before = {secret.pk: secret.updated_at for secret in stored}
    lefts: list[int] = []

    def look(so_far: rotation.Rotation) -> None:
        lefts.append(so_far.left)
        for keys in (f"{new_key},{master_key}", f"{master_key},{new_key}"):
            settings.SECRETS_MASTER_KEY = keys
            assert values_of(developer, NAMES) == VALUES
        settings.SECRETS_MASTER_KEY = f"{new_key},{master_key}"

    assert values_of(developer, NAMES) == VALUES
    done = rotation.rotate(look)
    assert (lefts, done.sealed, done.is_complete) == ([3, 1, 0], 5, True)
    settings.SECRETS_MASTER_KEY = new_key
    assert values_of(developer, NAMES) == VALUES
    assert {secret.pk: secret.updated_at for secret in Secret.objects.all()} == before


def test_what_was_interrupted_goes_on(
    stored: list[Secret], master_key: str, new_key: str, settings: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(rotation, "_BATCH", 2)
    settings.SECRETS_MASTER_KEY = f"{new_key},{master_key}"

    def stop(so_far: rotation.Rotation) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotation.rotate(stop)
    assert rotation.rotate().sealed == 3
    assert rotation.rotate().sealed == 0


def test_a_value_that_is_set_meanwhile_stays(
    stored: list[Secret], developer: Developer, master_key: str, new_key: str, settings: Any, monkeypatch: Any
) -> None:
    """Also by a server that has not heard of the new order of the keys: it is sealed once more."""
    both = f"{new_key},{master_key}"
    settings.SECRETS_MASTER_KEY = both
    reseal, changed = rotation.reseal, stored[2]

    def set_first(sealed: Any, place: Any) -> Any:
        anew = reseal(sealed, place)
        if place.secret_id == changed.pk and sealed.text == changed.sealed:
            settings.SECRETS_MASTER_KEY = f"{master_key},{new_key}"
            values = {"name": changed.name, "value": "set meanwhile"}
            replace_secret(developer=developer, secret_id=changed.pk, values=values)
            settings.SECRETS_MASTER_KEY = both
        return anew

    monkeypatch.setattr(rotation, "reseal", set_first)
    assert rotation.rotate().is_complete
    settings.SECRETS_MASTER_KEY = new_key
    assert values_of(developer, NAMES) == {**VALUES, changed.name: "set meanwhile"}


def test_the_command_reports(
    stored: list[Secret], master_key: str, new_key: str, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SECRETS_MASTER_KEY = f"{new_key},{master_key}"
    healthy, detail = doctor._secrets()
    assert healthy and detail == "5 stored, 5 of them sealed with an older key: run rotate_secrets"
    told = command()(capsys)
    assert "5 sealed with" in told and "can be removed" in told
    assert "0 of them now" in command()(capsys)
    assert doctor._secrets() == (True, "5 stored")
    for text in VALUES.values():
        assert text not in told


def test_what_cannot_be_opened_is_told_and_the_rest_is_sealed(
    stored: list[Secret], developer: Developer, master_key: str, new_key: str, settings: Any, capsys: Any
) -> None:
    Secret.objects.filter(pk=stored[0].pk).update(sealed_with="0" * 16)
    Secret.objects.filter(pk=stored[1].pk).update(sealed=stored[0].sealed)
    settings.SECRETS_MASTER_KEY = f"{new_key},{master_key}"
    with pytest.raises(CommandError, match="2 secrets are not sealed with .* 2 of them"):
        call_command("rotate_secrets")
    told = capsys.readouterr().err
    assert "another master key (0000000000000000)" in told and "sealed for another row" in told
    assert values_of(developer, NAMES[2:]) == {name: VALUES[name] for name in NAMES[2:]}


def test_a_lost_key_is_told_at_the_start(
    api: ApiClient,
    stored: list[Secret],
    developer: Developer,
    master_key: str,
    new_key: str,
    settings: Any,
    capsys: Any,
) -> None:
    """And what it sealed can be removed, by naming the key."""
    fingerprint = stored[0].sealed_with
    assert problems() == []
    settings.SECRETS_MASTER_KEY = ""
    assert problems() == ["vault.E002"]
    settings.SECRETS_MASTER_KEY = "nonsense"
    assert problems() == ["vault.E001"]
    settings.SECRETS_MASTER_KEY = new_key
    [found] = run_checks(tags=["julep"])
    assert found.id == "vault.E003" and f"5 with {fingerprint}" in found.msg
    assert master_key not in str(found) and new_key not in str(found)
    healthy, detail = doctor._secrets()
    assert not healthy and fingerprint in detail
    assert api.post("/secrets", {"name": "NEW", "value": "v"}).status_code == 201
    assert "removed KEY_0 of developer" in command("--delete-lost", fingerprint)(capsys)
    assert problems() == []
    assert [secret.name for secret in Secret.objects.all()] == ["NEW"]


def test_what_can_be_opened_is_not_removed(stored: list[Secret], settings: Any) -> None:
    with pytest.raises(CommandError, match="can be opened"):
        call_command("rotate_secrets", "--delete-lost", stored[0].sealed_with)
    settings.SECRETS_MASTER_KEY = ""
    for arguments in (["--delete-lost", stored[0].sealed_with], []):
        with pytest.raises(CommandError, match="set SECRETS_MASTER_KEY"):
            call_command("rotate_secrets", *arguments)
    assert Secret.objects.count() == 5


def test_no_key_is_needed_without_secrets(db: None, settings: Any) -> None:
    settings.SECRETS_MASTER_KEY = ""
    assert problems() == []
    assert doctor._secrets() == (True, "0 stored")


def test_each_developer_keeps_its_own(
    stored: list[Secret], developer: Developer, stranger: Developer, master_key: str, new_key: str, settings: Any
) -> None:
    create_secret(developer=stranger, values={"name": NAMES[0], "value": "theirs"})
    settings.SECRETS_MASTER_KEY = f"{new_key},{master_key}"
    assert rotation.rotate().sealed == 6
    settings.SECRETS_MASTER_KEY = new_key
    assert values_of(developer, NAMES[:1]) == {NAMES[0]: VALUES[NAMES[0]]}
    assert values_of(stranger, NAMES[:1]) == {NAMES[0]: "theirs"}
    assert rotation.rotate().left == 0
