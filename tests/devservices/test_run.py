"""`python -m julep_project.devservices run`: a command with private services."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from julep_project.devservices.account import choose_account
from julep_project.devservices.errors import ServiceError
from julep_project.devservices.home import Home
from julep_project.devservices.postgres import Postgres, find_programs
from julep_project.devservices.process import is_alive
from julep_project.env import PROJECT_ROOT
from tests.devservices.conftest import environment, wait_for

_REPORT = """
import json, os, psycopg, redis
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    connection.execute("CREATE TABLE IF NOT EXISTS starts (at timestamptz DEFAULT now())")
    connection.execute("INSERT INTO starts DEFAULT VALUES")
    starts = connection.execute("SELECT count(*) FROM starts").fetchone()[0]
    version = connection.execute("SHOW server_version_num").fetchone()[0]
    tcp = connection.execute("SHOW listen_addresses").fetchone()[0]
with redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True) as client:
    kept = client.incr("starts")
    policy = client.config_get("maxmemory-policy")["maxmemory-policy"]
    open_to = client.config_get("bind")["bind"]
report = dict(starts=starts, kept=kept, version=version, tcp=tcp, policy=policy, bind=open_to,
              redis_url=os.environ["REDIS_URL"], home=os.environ["JULEP_HOME"])
print(json.dumps(report))
"""


def run(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "julep_project.devservices", "run", "--home", str(home), "--", *command],
        cwd=PROJECT_ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def report(home: Path) -> dict[str, object]:
    answer = run(home, sys.executable, "-c", _REPORT)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, object] = json.loads(answer.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "folder", ["a folder with 'quotes', \"more\" and spaces", "long-" + "x" * 120], ids=["spaces", "long"]
)
def test_services_keep_data_port_and_password_from_one_start_to_the_next(tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder
    first = report(home)
    assert first["starts"] == first["kept"] == 1
    assert str(first["version"]).startswith("18")
    assert first["tcp"] == ""
    assert first["bind"] == "127.0.0.1"
    assert first["policy"] == "noeviction"
    assert first["home"] == str(home)

    _leave_stale_notes(home)
    second = report(home)
    assert second == {**first, "starts": 2, "kept": 2}


def _leave_stale_notes(home: Path) -> None:
    """As after a power cut: notes that name a process, which is now somebody else's."""
    (home / "postgres" / "data" / "postmaster.pid").write_text(f"{os.getppid()}\n{home}/postgres/data\n1\n5432\n\n\n\n")
    (home / "redis" / "redis.pid").write_text(f"{os.getppid()}\n")


def test_the_exit_code_is_the_commands(tmp_path: Path) -> None:
    assert run(tmp_path / "home", sys.executable, "-c", "raise SystemExit(7)").returncode == 7
    missing = run(tmp_path / "home", "/no/such/program")
    assert missing.returncode == 1
    assert missing.stderr.startswith("error: Cannot run /no/such/program")


def test_passwords_are_for_their_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run(home, "true").returncode == 0
    for private in ("env", "redis/redis.conf", "redis/access.json"):
        assert stat.S_IMODE((home / private).stat().st_mode) == 0o600


def test_one_folder_serves_one_at_a_time(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Home(home).locked():
        answer = run(home, "true")
    assert answer.returncode == 1
    assert answer.stderr.startswith("error: An installation is already running")


def test_sigterm_reaches_the_command_and_stops_the_services(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-c", "import time; print('started', flush=True); time.sleep(600)"]
    runner = subprocess.Popen(
        [sys.executable, "-m", "julep_project.devservices", "run", "--home", str(home), "--", *command],
        cwd=PROJECT_ROOT,
        env=environment(home),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert runner.stdout is not None
    assert runner.stdout.readline() == "started\n"
    server = int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    assert is_alive(server)
    runner.send_signal(signal.SIGTERM)
    assert runner.wait(timeout=60) == 128 + signal.SIGTERM
    runner.stdout.close()
    assert wait_for(lambda: not is_alive(server), 30)


def test_data_of_another_version_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "postgres" / "data" / "PG_VERSION").write_text("16\n")
    answer = run(home, "true")
    assert answer.returncode == 1
    assert "was made by Postgres 16; this is version 18" in answer.stderr


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends Postgres to another user")


@needs_root
def test_root_passes_a_closed_folder_without_opening_it(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert report(closed / "home")["starts"] == 1
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@needs_root
def test_root_starts_programs_in_a_closed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    programs = find_programs()
    packages = programs.parents[2]
    for found in packages.glob(f"{programs.parents[1].name}*"):
        (closed / found.name).symlink_to(found)
    package = closed / programs.parents[1].name
    package.unlink()
    shutil.copytree(programs.parent, package / programs.parent.name, symlinks=True)
    inside = closed / programs.relative_to(packages)
    monkeypatch.setattr("julep_project.devservices.postgres.find_programs", lambda: inside)
    postgres = Postgres(closed / "home", durable=False)
    postgres.prepare()
    assert (postgres.data / "PG_VERSION").exists()


@needs_root
def test_without_the_capability_the_closed_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("julep_project.devservices.account.shutil.which", lambda name: None)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ServiceError, match=r"the user nobody may not enter .*chmod o\+x"):
        choose_account(programs=find_programs(), folder=closed / "postgres", environ={})


@needs_root
@pytest.mark.parametrize(("user", "message"), [("no-such-user", "There is no user"), ("root", "rights of root")])
def test_a_user_who_cannot_run_postgres_is_refused(tmp_path: Path, user: str, message: str) -> None:
    environ = {"JULEP_POSTGRES_USER": user}
    with pytest.raises(ServiceError, match=message):
        choose_account(programs=find_programs(), folder=tmp_path / "postgres", environ=environ)
