import stat
from pathlib import Path

import pytest

from agents.vault.master_keys import read_master_keys
from julep_project.devservices.errors import ServiceError
from julep_project.devservices.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "state folder")
    found.path.mkdir()
    return found


def test_secrets_are_made_once_and_kept_private(home: Home) -> None:
    first = home.keep_secrets({}, "AGENTS_API_KEY", "SECRET_KEY")
    assert len(first["AGENTS_API_KEY"]) >= 32
    assert first["AGENTS_API_KEY"] != first["SECRET_KEY"]
    assert home.keep_secrets({}, "AGENTS_API_KEY", "SECRET_KEY") == first
    assert stat.S_IMODE(home.env_file.stat().st_mode) == 0o600


def test_a_master_key_has_the_form_that_is_wanted(home: Home) -> None:
    kept = home.keep_secrets({}, "SECRETS_MASTER_KEY")
    assert len(read_master_keys(kept["SECRETS_MASTER_KEY"])) == 1
    assert home.keep_secrets({}, "SECRETS_MASTER_KEY") == kept
    given = {"SECRETS_MASTER_KEY": "32 characters that were used yet"}
    assert home.keep_secrets(given, "SECRETS_MASTER_KEY") == given


def test_the_environment_wins_over_the_kept_key(home: Home) -> None:
    kept = home.keep_secrets({}, "AGENTS_API_KEY")
    assert home.keep_secrets({"AGENTS_API_KEY": "mine"}, "AGENTS_API_KEY") == {"AGENTS_API_KEY": "mine"}
    assert home.keep_secrets({}, "AGENTS_API_KEY") == kept


def test_other_lines_of_the_env_file_stay(home: Home) -> None:
    home.env_file.write_text("# keys\nPROVIDER_KEY=abc\nREDIS_URL=old\nDATABASE_URL=old\n")
    home.write_env({"REDIS_URL": "new", "DATABASE_URL": None})
    assert home.read_env() == {"PROVIDER_KEY": "abc", "REDIS_URL": "new"}
    assert home.env_file.read_text().startswith("# keys\n")


def test_a_readable_env_file_becomes_private(home: Home) -> None:
    home.env_file.write_text("A=1\n")
    home.env_file.chmod(0o644)
    home.write_env({"B": "2"})
    assert stat.S_IMODE(home.env_file.stat().st_mode) == 0o600


def test_the_second_owner_is_told_who_is_first(home: Home) -> None:
    home.write_note({"url": "http://127.0.0.1:1234"})
    with (
        home.locked(),
        pytest.raises(ServiceError, match=r"already running at http://127.0.0.1:1234 \(process \d+"),
        Home(home.path).locked(),
    ):
        pass


def test_the_lock_is_free_after_the_block(home: Home) -> None:
    with home.locked():
        pass
    with home.locked():
        pass


def test_a_broken_note_counts_as_none(home: Home) -> None:
    home.note_file.write_text("{")
    assert home.read_note() == {}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match="Cannot write to .*JULEP_HOME"), Home(tmp_path / "file" / "home").locked():
        pass
