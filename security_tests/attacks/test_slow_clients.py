"""Connections that say too much, too slowly or nothing, against the api's own server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from foundation.settings import Rate
from security_tests.attacks.flood import STRICT, superuser
from security_tests.attacks.served import Served, heard, request, served
from stack.postgres import PostgresCluster
from tests.conftest import Database

LIVE = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"
GUESS = b'{"documentId": "sha256:0"}'
WIDE = msgspec.structs.replace(STRICT, anonymous=Rate(amount=1_000_000, seconds=60))


@pytest.fixture(scope="module")
def database(backend_cluster: PostgresCluster, seeded_template: str) -> Iterator[Database]:
    """A seeded database."""
    backend_cluster.clone(seeded_template, "served")
    yield Database(backend_cluster, "served")
    backend_cluster.drop("served")


@pytest.fixture
def forgetful(database: Database) -> Database:
    """The database, nothing counted yet."""
    with superuser(database) as connection:
        connection.execute("TRUNCATE limits.bucket")
    return database


@pytest.fixture(scope="module")
def api(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One api that lets strangers ask."""
    with served(tmp_path_factory.mktemp("served"), database, WIDE) as api:
        yield api


def status(answer: bytes) -> str:
    """The status of an answer; "closed" for none."""
    return answer.split(b" ", 2)[1].decode() if answer else "closed"


def test_headers_beyond_32_kib_are_not_read(api: Served) -> None:
    assert status(api.ask(request(b"{}", f"x-large: {'a' * 40_000}"))) == "431"


def test_200_headers_are_not_read(api: Served) -> None:
    assert status(api.ask(request(b"{}", *(f"x-{number}: a" for number in range(200))))) == "431"


def test_longest_token_and_proof_are_read(api: Served) -> None:
    headers = [f"authorization: DPoP {'a' * 8_192}", f"dpop: {'b' * 4_096}", f"cookie: {'c' * 8_000}"]
    assert status(api.ask(request(GUESS, *headers))) == "401"


def test_longer_token_is_malformed(api: Served) -> None:
    assert status(api.ask(request(GUESS, f"authorization: DPoP {'a' * 9_000}"))) == "400"


def test_body_beyond_64_kib_is_refused(api: Served) -> None:
    assert status(api.ask(request(b"a" * 65_537))) == "413"


def test_body_of_64_kib_is_read(api: Served) -> None:
    assert status(api.ask(request(b"a" * 65_536))) == "400"


def test_announced_gigabyte_is_refused_after_64_kib(api: Served) -> None:
    with api.connect() as connection:
        connection.sendall(request(b"a" * 65_537, length=1_000_000_000))
        assert status(heard(connection)) == "413"


def test_others_are_heard_beside_300_slow_headers_and_bodies(api: Served) -> None:
    connections = [api.connect() for _ in range(300)]
    for number, connection in enumerate(connections):
        connection.sendall(request(b"{", length=60_000)[: 60 if number % 2 else None])
    answer = api.ask(LIVE)
    for connection in connections:
        connection.close()
    assert status(answer) == "200"


def test_body_that_does_not_come_ends_the_request(api: Served) -> None:
    with api.connect() as connection:
        connection.sendall(request(b"{", length=60_000))
        answer = heard(connection)
    assert status(answer) == "408"


def test_headers_that_do_not_come_end_the_connection(api: Served) -> None:
    with api.connect(timeout=45) as connection:
        connection.sendall(b"POST /graphql HTTP/1.1\r\nhost: ")
        assert heard(connection) == b""


def test_network_that_must_wait_is_told_before_its_body_is_read(forgetful: Database, tmp_path: Path) -> None:
    one = msgspec.structs.replace(STRICT, anonymous=Rate(amount=1, seconds=86_400))
    with served(tmp_path, forgetful, one) as api:
        first = api.ask(request(GUESS))
        with api.connect() as connection:
            connection.sendall(request(b"", length=60_000))
            assert (status(first), status(heard(connection))) == ("200", "429")


async def test_two_processes_share_a_networks_limit(forgetful: Database, tmp_path: Path) -> None:
    limits = msgspec.structs.replace(STRICT, anonymous=Rate(amount=19, seconds=86_399))
    with served(tmp_path, forgetful, limits) as first, served(tmp_path, forgetful, limits) as second:
        answers = await asyncio.gather(
            *(asyncio.to_thread(which.ask, request(GUESS)) for _ in range(30) for which in (first, second))
        )
    assert sorted(map(status, answers)) == ["200"] * 19 + ["429"] * 41
