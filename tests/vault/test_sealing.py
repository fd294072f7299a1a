"""Values are sealed for one row, and open with the keys of the server only."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet

from agents.vault.errors import SecretNotReadable, SecretsNotConfigured
from agents.vault.master_keys import read_master_keys
from agents.vault.sealing import Place, Sealed, open_sealed, reseal, seal

VALUE = "sk-tide-ünïcode-\U0001f30a\r\n "
HERE = Place(uuid4(), None, uuid4())
ELSEWHERE = [
    HERE._replace(developer_id=uuid4()),
    HERE._replace(secret_id=uuid4()),
    HERE._replace(agent_id=uuid4()),
    HERE._replace(agent_id=HERE.secret_id, secret_id=UUID(int=0)),
]


def fresh_key() -> str:
    return Fernet.generate_key().decode()


def test_a_value_opens_as_it_was(master_key: str) -> None:
    sealed = seal(VALUE, HERE)
    assert "tide" not in sealed.text
    assert seal(VALUE, HERE).text != sealed.text
    assert open_sealed(sealed, HERE) == VALUE


@pytest.mark.parametrize("place", ELSEWHERE, ids=["developer", "secret", "agent", "shifted"])
def test_a_value_opens_in_its_own_row_only(master_key: str, place: Place) -> None:
    with pytest.raises(SecretNotReadable, match="sealed for another row"):
        open_sealed(seal(VALUE, HERE), place)


@pytest.mark.parametrize("text", ["", "gAAAAA", "\x00", "é", "{}"])
def test_a_changed_value_does_not_open(master_key: str, text: str) -> None:
    sealed = seal(VALUE, HERE)
    for changed in (text, sealed.text[:-8] + "AAAAAAA=", sealed.text[:60]):
        with pytest.raises(SecretNotReadable, match="changed after it was sealed"):
            open_sealed(Sealed(changed, sealed.fingerprint), HERE)


def test_another_master_key_is_named_exactly(master_key: str, settings: Any) -> None:
    sealed = seal(VALUE, HERE)
    settings.SECRETS_MASTER_KEY = fresh_key()
    with pytest.raises(SecretNotReadable, match=f"another master key .{sealed.fingerprint}.") as raised:
        open_sealed(sealed, HERE)
    assert settings.SECRETS_MASTER_KEY not in str(raised.value) and master_key not in str(raised.value)


def test_the_newest_key_seals_and_the_others_open(master_key: str, settings: Any) -> None:
    before = seal(VALUE, HERE)
    settings.SECRETS_MASTER_KEY = f" {fresh_key()} , {master_key} "
    after = reseal(before, HERE)
    assert open_sealed(before, HERE) == open_sealed(after, HERE) == VALUE
    assert after.fingerprint != before.fingerprint
    settings.SECRETS_MASTER_KEY = master_key
    assert open_sealed(before, HERE) == VALUE
    with pytest.raises(SecretNotReadable):
        open_sealed(after, HERE)


def test_a_text_of_32_characters_is_a_key(settings: Any) -> None:
    settings.SECRETS_MASTER_KEY = "correct horse battery staple 42!"
    sealed = seal(VALUE, HERE)
    assert sealed.fingerprint == "8bea4e46f093468a"
    assert open_sealed(sealed, HERE) == VALUE


def test_a_key_that_is_given_twice_counts_once() -> None:
    key = fresh_key()
    assert len(read_master_keys(f"{key},{key}")) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "set SECRETS_MASTER_KEY"),
        ("  ", "set SECRETS_MASTER_KEY"),
        ("too-short-to-be-one", "key 1 of 1"),
        ("x" * 33, "key 1 of 1"),
        ("-" * 44, "key 1 of 1"),
        ("é" * 44, "key 1 of 1"),
        ("x" * 32 + ",", "key 2 of 2"),
        (",".join(["x" * 32, "A" * 42 + "=A"]), "key 2 of 2"),
    ],
)
def test_what_is_no_key_is_refused_without_being_told(settings: Any, text: str, told: str) -> None:
    settings.SECRETS_MASTER_KEY = text
    with pytest.raises(SecretsNotConfigured, match=told) as raised:
        seal(VALUE, HERE)
    assert not any(part.strip() in str(raised.value) for part in text.split(",") if part.strip())


def test_nothing_shows_a_key(master_key: str) -> None:
    assert master_key not in repr(read_master_keys(master_key))
