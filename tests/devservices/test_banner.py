"""What `make up` says when it is ready, and to whom."""

import os
from pathlib import Path

import pytest

from julep_project.devservices.home import Home
from julep_project.devservices.installation import Printer, banner, environment_of
from julep_project.devservices.plan import read_plan

EMBEDDED = {"DATABASE_URL": "postgresql:///x", "REDIS_URL": "redis://x"}


def environ_in(home: Path, **given: str) -> dict[str, str]:
    """The environment of the programs of an installation."""
    environ = {"PORT": "0", "FLOWER_PORT": "0", **given}
    return environment_of(read_plan(environ), Home(home), environ, EMBEDDED)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_only_a_terminal_is_shown_the_key(tmp_path: Path, is_terminal: bool) -> None:
    environ = environ_in(tmp_path)

    said = "\n".join(banner(read_plan(environ), Home(tmp_path), {}, environ, shows_key=is_terminal))

    assert (environ["AGENTS_API_KEY"] in said) is is_terminal
    assert environ["SECRETS_MASTER_KEY"] not in said
    assert str(tmp_path / "env") in said


def test_a_pipe_and_a_file_are_no_terminals(tmp_path: Path) -> None:
    main, terminal = os.openpty()
    with (tmp_path / "log").open("w") as file, os.fdopen(terminal, "w") as screen:
        assert not Printer(file).is_terminal
        assert Printer(screen).is_terminal
    os.close(main)


@pytest.mark.parametrize(
    ("given", "line", "means"),
    [
        ({}, None, "127.0.0.1"),
        ({"JULEP_HTTP_ALLOW": ""}, None, ""),
        ({"JULEP_HTTP_ALLOW": ""}, "10.0.0.0/8", ""),
        ({}, "", ""),
        ({}, "10.0.0.0/8", "10.0.0.0/8"),
        ({"JULEP_HTTP_ALLOW": "10.1.1.1"}, "", "10.1.1.1"),
    ],
)
def test_an_allow_list_that_is_set_and_empty_means_none(
    tmp_path: Path, given: dict[str, str], line: str | None, means: str
) -> None:
    if line is not None:
        (tmp_path / "env").write_text(f"JULEP_HTTP_ALLOW={line}\n")

    environ = environ_in(tmp_path, **given)

    assert environ["JULEP_HTTP_ALLOW"] == means


def test_every_program_knows_where_the_installation_listens(tmp_path: Path) -> None:
    environ = environ_in(tmp_path)

    assert environ["HOST"] == "127.0.0.1"
    assert int(environ["PORT"]) > 0 and int(environ["FLOWER_PORT"]) > 0
