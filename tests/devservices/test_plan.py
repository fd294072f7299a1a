import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from julep_project.core.health.witness import PER_PROCESS
from julep_project.devservices.plan import programs, read_plan


def test_programs_differ_only_in_what_forks_read_anew_and_the_doctor_does_not_compare(tmp_path: Path) -> None:
    environ = {"PORT": "0", "FLOWER_PORT": "0"}
    envs = [dict(program.env) for program in programs(read_plan(environ), environ, home=tmp_path)]
    names = {name for env in envs for name in env if any(other.get(name) != env[name] for other in envs)}
    assert names == {"DB_POOL", "RETIRING_FILE", "LOG_LEVEL"}
    assert names <= PER_PROCESS


@pytest.mark.parametrize(("is_terminal", "form"), [(True, "text"), (False, None)])
def test_people_at_a_terminal_get_the_form_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_terminal: bool, form: str | None
) -> None:
    environ = {"PORT": "0", "FLOWER_PORT": "0"}
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: is_terminal))
    found = programs(read_plan(environ), environ, home=tmp_path)
    assert {program.env.get("LOG_FORMAT") for program in found} == {form}
