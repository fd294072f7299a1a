"""The compose file against the settings: whatever has to agree among processes does, and nothing is missing."""

import re
from typing import Any

import pytest
from celery import current_app
from celery.bin.beat import beat
from celery.bin.worker import worker
from django.conf import settings
from django.core.management import get_commands

from julep_project.core.health.witness import PER_PROCESS
from julep_project.core.work.draining import LAST_FACTOR
from julep_project.env import PROVIDER_ENDINGS
from tests.deploy.compose import FOLDER, ROOT, Service, asked_variables, document, read_image, read_services
from tests.docs.test_settings import variables_read

VARIABLES = {name: f"the-{name.lower()}" for name, needed in asked_variables().items() if needed}
SERVICES = read_services(VARIABLES)
OURS = [service for service in SERVICES.values() if service.is_ours]
RUNNING = [service for service in SERVICES.values() if service.name != "migrate"]
# Read by Celery, Flower and Django, not by the settings.
OTHERS_READ = {"FLOWER_BASIC_AUTH", "DJANGO_SETTINGS_MODULE"}


def named(service: Service) -> str:
    return service.name


def seconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)s", text)
    assert match, text
    return int(match[1])


def test_our_services_are_those_of_one_machine() -> None:
    assert {service.name for service in OURS} == {
        *("migrate", "api", "engine", "io", "maintenance", "beat", "flower"),
    }


@pytest.mark.parametrize("service", OURS, ids=named)
def test_what_has_to_agree_is_given_to_every_process(service: Service) -> None:
    """The file of settings goes to all; what is set beside it may differ only where a process may."""
    common = SERVICES["migrate"]
    assert service.body["env_file"] == common.body["env_file"]

    differing = dict(service.environment.items() ^ common.environment.items())

    assert set(differing) <= PER_PROCESS | OTHERS_READ


@pytest.mark.parametrize("service", OURS, ids=named)
def test_nothing_is_set_that_nobody_reads(service: Service) -> None:
    assert set(service.environment) <= variables_read() | OTHERS_READ


def test_no_setting_that_has_to_agree_is_decided_here_for_some_only() -> None:
    """`environment` wins over the file of settings: a setting named there for one service is lost for the others."""
    given = [set(service.environment) - PER_PROCESS - OTHERS_READ for service in OURS]
    assert all(names == given[0] for names in given)


@pytest.mark.parametrize("service", OURS, ids=named)
def test_contents_lie_where_every_process_finds_them(service: Service) -> None:
    home = read_image().environment["JULEP_HOME"]
    folder = service.environment.get("MEDIA_ROOT", f"{home}/files")
    assert service.mounts == {folder: "files"}
    assert "files" in document()["volumes"]


def test_every_volume_is_declared() -> None:
    used = {volume for service in SERVICES.values() for volume in service.mounts.values()}
    assert used == set(document()["volumes"])


@pytest.mark.parametrize("service", RUNNING, ids=named)
def test_every_service_is_started_again_and_looked_after(service: Service) -> None:
    assert service.body["restart"] == "unless-stopped"
    assert service.body["healthcheck"]["test"]
    assert service.body["logging"] == {"driver": "local"}


@pytest.mark.parametrize("service", [one for one in OURS if one.queues or one.name == "beat"], ids=named)
def test_workers_and_beat_are_judged_by_the_file_they_touch(service: Service) -> None:
    assert service.environment["ALIVE_FILE"] in service.health_command[-1]


def test_migrations_run_once_and_before_the_rest() -> None:
    assert SERVICES["migrate"].body["restart"] == "no"
    assert set(SERVICES["migrate"].body["depends_on"]) == {"postgres", "redis"}
    for service in OURS:
        if service.name != "migrate":
            assert service.body["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_every_queue_has_one_service() -> None:
    served = [queue for service in OURS for queue in service.queues]
    current_app.loader.import_default_modules()
    routed = {current_app.amqp.router.route({}, name)["queue"].name for name in current_app.tasks}
    assert sorted(served) == sorted(routed)


def test_sweeps_have_a_worker_of_their_own() -> None:
    assert SERVICES["maintenance"].queues == ["maintenance"]


@pytest.mark.parametrize("service", SERVICES.values(), ids=named)
def test_ports_are_published_on_loopback_only(service: Service) -> None:
    assert all(port.startswith("127.0.0.1:") for port in service.body.get("ports", []))


def test_the_api_listens_where_its_port_and_its_health_check_look() -> None:
    api = SERVICES["api"]
    assert "--port=8080" in api.command
    assert "--host=0.0.0.0" in api.command
    assert api.body["ports"][0].endswith(":8080")
    assert "http://127.0.0.1:8080/readyz" in api.health_command[-1]


@pytest.mark.parametrize("service", OURS, ids=named)
def test_commands_exist(service: Service) -> None:
    program, *rest = service.command
    if service.name == "migrate":
        assert (program, rest[0]) == ("python", "manage.py")
        assert rest[1] in get_commands()
    elif service.name == "api":
        assert (program, *rest[:2]) == ("python", "-m", "granian")
    else:
        assert [program, *rest[:2]] == ["celery", "-A", "julep_project.celery"]
        assert options_of(rest[3:]) <= known_options(rest[2])


def options_of(arguments: list[str]) -> set[str]:
    return {argument.partition("=")[0] for argument in arguments}


def known_options(verb: str) -> set[str]:
    # Flower reads its options itself.
    commands: dict[str, Any] = {"worker": worker, "beat": beat}
    if verb == "flower":
        return {"--address", "--port"}
    return {option for parameter in commands[verb].params for option in parameter.opts}


@pytest.mark.parametrize("service", OURS, ids=named)
def test_workers_may_end_what_they_do(service: Service) -> None:
    drain_s = settings.DRAIN_SECONDS
    assert seconds(service.body["stop_grace_period"]) >= drain_s * LAST_FACTOR + 10


def test_the_example_names_what_is_needed_and_nothing_unknown() -> None:
    lines = (FOLDER / "example.env").read_text().splitlines()
    names = {match[1]: line.startswith("#") for line in lines if (match := re.fullmatch(r"#?([A-Z_0-9]+)=.*", line))}
    needed = {name for name, needed in asked_variables().items() if needed}

    assert {name for name, optional in names.items() if not optional} == needed
    assert {name for name in names if not name.endswith(PROVIDER_ENDINGS)} <= variables_read() | needed


def test_the_file_of_settings_is_not_kept_in_the_repository() -> None:
    assert "deploy/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_database_forgets_a_client_that_vanished() -> None:
    assert "tcp_keepalives_idle=15" in SERVICES["postgres"].command
    assert SERVICES["redis"].command[-2:] == ["--tcp-keepalive", "15"]
