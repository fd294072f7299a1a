"""Settings that do not go together: no process that serves requests or takes messages starts with them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents.models import Developer
from agents.vault.models import Secret
from tests.backend import database_url

ROOT = Path(__file__).parents[2]
WORKER = ["-m", "celery", "-A", "julep_project", "worker", "--pool=threads", "--concurrency=2", "--without-mingle"]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["-c", "import julep_project.asgi"], id="asgi"),
        pytest.param(["-c", "import julep_project.wsgi"], id="wsgi", marks=pytest.mark.slow),
        pytest.param([*WORKER, "-Q", "io"], id="worker", marks=pytest.mark.slow),
    ],
)
def test_a_pool_smaller_than_the_threads_is_refused(tmp_path: Path, command: list[str]) -> None:
    given = {"SECRET_KEY": "for-tests-only", "JULEP_HOME": str(tmp_path), "DB_POOL": "1", "DB_POOL_SIZE": "5"}
    done = _run(command, given)

    assert done.returncode != 0
    assert "DB_POOL_SIZE is 5" in done.stderr
    assert " ready." not in done.stderr


@pytest.mark.django_db(transaction=True)
def test_a_server_without_the_master_key_of_what_is_stored_does_not_start(tmp_path: Path) -> None:
    developer = Developer.objects.get()
    Secret.objects.create(developer=developer, name="KEY", sealed="", sealed_with="0123456789abcdef")
    given = {
        "SECRET_KEY": "for-tests-only",
        "JULEP_HOME": str(tmp_path),
        "DATABASE_URL": database_url(),
        "DB_POOL": "1",
        "SECRETS_MASTER_KEY": "32 characters: another than that",
    }
    done = _run(["-c", "import julep_project.asgi"], given)

    assert done.returncode != 0
    assert "sealed with master keys that SECRETS_MASTER_KEY does not have: 1 with 0123456789abcdef" in done.stderr


def _run(command: list[str], given: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Python with these settings in its environment."""
    environment = {**os.environ, **given}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
