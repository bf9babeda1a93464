"""Ports are kept with the data; a busy one is named before anything starts."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.ports import Ports, listens


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_busy_port_is_named_with_its_part_its_holder_and_the_remedy(busy_port: int) -> None:
    ports = replace(Ports.unused(), keycloak=busy_port)
    with pytest.raises(StackError, match=f"keycloak: port {busy_port} is in use by") as error:
        ports.check_free(new=True)
    assert f"(process {os.getpid()})" in error.value.message
    assert "--first-port" in error.value.remedy


def test_free_ports_pass() -> None:
    Ports.unused().check_free(new=True)


def test_listening_is_seen(busy_port: int) -> None:
    assert listens(busy_port)
    assert not listens(Ports.unused().api)


def test_ports_are_kept_for_the_next_start(tmp_path: Path) -> None:
    first = Ports.kept(tmp_path, 21500)
    assert Ports.kept(tmp_path, None) == first == Ports(*range(21500, 21524))


def test_other_ports_for_old_data_are_refused(tmp_path: Path) -> None:
    Ports.kept(tmp_path, 21500)
    with pytest.raises(StackError, match="was made for port 21500"):
        Ports.kept(tmp_path, 9443)
