import socket

import pytest

from julep_project.devservices.errors import ServiceError
from julep_project.devservices.ports import choose_port, free_port, is_free


@pytest.fixture
def taken() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_its_variable(taken: int) -> None:
    with pytest.raises(ServiceError, match=rf"Port {taken} on 127.0.0.1 is taken.*PORT="):
        choose_port("PORT", 8080, "127.0.0.1", {"PORT": str(taken)})


def test_zero_takes_a_free_port() -> None:
    port = choose_port("PORT", 8080, "127.0.0.1", {"PORT": "0"})
    assert port > 0
    assert is_free("127.0.0.1", port)


def test_an_unset_variable_means_the_default() -> None:
    default = free_port()
    assert choose_port("PORT", default, "127.0.0.1", {}) == default


@pytest.mark.parametrize("text", ["http", "-1", "65536", "80 80", "8.5"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ServiceError, match="PORT must be a port number"):
        choose_port("PORT", 8080, "127.0.0.1", {"PORT": text})


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ServiceError, match="Cannot listen on 192.0.2.1:8080"):
        is_free("192.0.2.1", 8080)
