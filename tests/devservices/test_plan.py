from pathlib import Path

from julep_project.core.health.witness import PER_PROCESS
from julep_project.devservices.plan import programs, read_plan


def test_programs_differ_only_in_what_the_doctor_does_not_compare(tmp_path: Path) -> None:
    environ = {"PORT": "0", "FLOWER_PORT": "0"}
    envs = [dict(program.env) for program in programs(read_plan(environ), environ, home=tmp_path)]
    names = {name for env in envs for name in env if any(other.get(name) != env[name] for other in envs)}
    assert {"DB_POOL", "RETIRING_FILE"} <= names
    assert names - PER_PROCESS == {"PYTHONWARNINGS"}  # which is no setting
