"""A real `manage.py up` in a private folder, whose path has spaces."""

import json
import os
import signal
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from julep_project.devservices.installation import run_installation
from tests.devservices.conftest import STOP_S, Up, alive, manage, running, wait_for


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("up") / "state folder") as started:
        yield started


def get(up: Up, path: str) -> dict[str, object]:
    note = up.note()
    request = urllib.request.Request(f"{note['url']}{path}", headers={"Authorization": f"Bearer {note['api_key']}"})
    with urllib.request.urlopen(request, timeout=60) as response:
        body: dict[str, object] = json.load(response)
        return body


def test_it_says_where_it_is_and_how_to_get_in(up: Up) -> None:
    note = up.note()
    for text in (note["url"], note["flower_url"], f"kept in {up.home / 'env'}", "JULEP_HTTP_ALLOW", "Ctrl-C"):
        assert text in up.output


def test_lines_are_prefixed(up: Up) -> None:
    assert all(" | " in line for line in up.output.splitlines())
    assert "engine   | " in up.output


def test_the_key_is_in_no_log(up: Up) -> None:
    logs = [up.log_file, *(file for file in (up.home / "logs").rglob("*") if file.is_file())]
    assert [log for log in logs if up.note()["api_key"] in log.read_text(errors="replace")] == []


def test_the_key_in_the_note_opens_the_api(up: Up) -> None:
    assert get(up, "/agents") == {"items": []}


def test_healthz_reports_every_component(up: Up) -> None:
    fine = {"status": "ok", "database": "ok", "migrations": "ok", "redis": "ok", "workers": "ok"}
    seen: list[dict[str, object]] = []

    def is_fine() -> bool:
        with suppress(urllib.error.HTTPError):  # the workers of a busy machine may answer too late for it
            seen.append(get(up, "/healthz"))
        return seen[-1:] == [fine]

    assert wait_for(is_fine, 60), seen


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets all that is loaded be used in a fork")
def test_what_programs_have_in_common_is_in_memory_once(up: Up) -> None:
    children = up.note()["children"]
    for name in ("api", "engine", "io", "maintenance", "beat", "flower"):
        rows = Path(f"/proc/{children[name]}/smaps_rollup").read_text().splitlines()[1:]
        held = {row.split(":")[0]: int(row.split()[1]) for row in rows}
        assert held["Private_Dirty"] < held["Rss"] / 2, (name, held)


def test_keys_are_kept_in_a_private_file(up: Up) -> None:
    env_file = up.home / "env"
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert f"AGENTS_API_KEY={up.note()['api_key']}\n" in env_file.read_text()
    assert stat.S_IMODE((up.home / "up.json").stat().st_mode) == 0o600


def test_another_terminal_reaches_the_same_services(up: Up) -> None:
    answer = manage(up.home, "check_services", "--wait=40")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout == "database: ok\nmigrations: ok\nredis: ok\nworkers: ok\n"


def test_a_second_one_says_that_one_is_running(up: Up) -> None:
    answer = manage(up.home, "up")
    assert answer.returncode == 1
    assert f"already running at {up.note()['url']} (process {up.process.pid}" in answer.stderr
    assert up.is_ready()


@pytest.mark.parametrize("name", ["engine", "redis"])
def test_a_killed_child_is_started_again(up: Up, name: str) -> None:
    before = up.note()["children"][name]
    os.kill(before, signal.SIGKILL)
    assert wait_for(lambda: up.note()["children"].get(name, before) != before, 60), up.output
    answer = manage(up.home, "check_services", "--wait=40")
    assert answer.returncode == 0, answer.stdout + up.output


@pytest.mark.slow
def test_ctrl_c_while_starting_leaves_nothing(tmp_path: Path, start_up: Callable[..., Up]) -> None:
    up = start_up(tmp_path / "home")
    note = tmp_path / "home" / "postgres" / "data" / "postmaster.pid"
    assert wait_for(note.exists, 60), up.output
    server = int(note.read_text().split()[0])
    assert up.stop(signal.SIGINT) == 0
    assert wait_for(lambda: alive([server]) == [], STOP_S)


@pytest.mark.slow
def test_an_unreachable_database_is_named_in_one_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    url = "postgresql://someone:secret-word@127.0.0.1:9/store"
    answer = manage(home, "up", DATABASE_URL=url, REDIS_URL="redis://:secret-word@127.0.0.1:9/0")
    assert answer.returncode == 1
    lines = [line for line in answer.stdout.splitlines() if "error" in line]
    assert len(lines) == 2
    assert "database: error: 127.0.0.1:9/store cannot be reached" in lines[0]
    assert "DATABASE_URL" in lines[0]
    assert "redis: error: 127.0.0.1:9 cannot be reached" in lines[1]
    assert "REDIS_URL" in lines[1]
    assert "secret-word" not in answer.stdout + answer.stderr
    assert not (home / "postgres").exists()
    assert not (home / "redis").exists()


def test_lines_that_people_add_count_for_the_supervisor_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "env").write_text("PORT=none\nDATABASE_URL=of an earlier start\n")
    monkeypatch.setenv("JULEP_HOME", str(tmp_path))
    assert run_installation(environ={"FLOWER_PORT": "never looked at"}) == 1
    assert "error: PORT must be a port number between 0 and 65535; it is 'none'" in capsys.readouterr().err


def test_a_taken_port_is_named_before_anything_starts(up: Up, tmp_path: Path) -> None:
    for variable, url in (("PORT", up.note()["url"]), ("FLOWER_PORT", up.note()["flower_url"])):
        port = str(url).rpartition(":")[2]
        answer = manage(tmp_path / "home", "up", **{variable: port})
        assert answer.returncode == 1
        assert f"error: Port {port} on 127.0.0.1 is taken." in answer.stderr
        assert f"{variable}=" in answer.stderr
    assert not (tmp_path / "home" / "postgres").exists()
