"""The client against a receiver that misbehaves. What a real rsyslog does is in test_relay.py."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from audit.relp import MAX_MESSAGE, Receiver, RelpConnection, RelpError, client_context
from stack.certificates import RELAY_NAME, Authority
from tests.audit.parts import wait_until

Answer = Callable[[int, bytes, asyncio.StreamWriter], Awaitable[None]]
OPENED = b"200 OK\nrelp_version=0\nrelp_software=test\ncommands=syslog"


async def acknowledge(number: int, command: bytes, writer: asyncio.StreamWriter) -> None:
    """What a well-behaved receiver answers."""
    data = OPENED if command == b"open" else b"200 OK"
    writer.write(b"%d rsp %d %s\n" % (number, len(data), data))


async def only_open(number: int, command: bytes, writer: asyncio.StreamWriter) -> None:
    """Answers nothing but the open."""
    if command == b"open":
        await acknowledge(number, command, writer)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    authority = Authority(tmp_path, "test-authority", "Test")
    authority.ensure()
    return authority


@asynccontextmanager
async def receiver(
    authority: Authority, answer: Answer, window: int = 128, ack_timeout: float = 30
) -> AsyncIterator[Receiver]:
    """A receiver over mutual TLS that answers each frame by `answer`."""
    pair = authority.server("server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    tls.load_verify_locations(authority.certificate)
    tls.verify_mode = ssl.CERT_REQUIRED

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                number, command, length = (await reader.readuntil(b" ")), await reader.readuntil(b" "), b""
                while (octet := await reader.readexactly(1)) not in b" \n":
                    length += octet
                if octet == b" ":
                    await reader.readexactly(int(length) + 1)
                await answer(int(number), command.strip(), writer)
        except (EOFError, OSError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    client = authority.client("relay", RELAY_NAME)
    context = client_context(str(authority.certificate), str(client.certificate), str(client.key))
    port = server.sockets[0].getsockname()[1]
    try:
        yield Receiver(
            "127.0.0.1", port, "localhost", context, window, open_timeout=5, ack_timeout=ack_timeout
        )
    finally:
        server.close()


async def test_every_message_is_acknowledged_once(authority: Authority) -> None:
    async with receiver(authority, acknowledge, window=4) as there:
        connection = await RelpConnection.open(there)
        for number in range(50):
            await connection.send(b"message %d" % number)
        await connection.drain()
        await connection.close()
    assert connection.acknowledged == 50


async def test_no_more_than_the_window_is_in_flight(authority: Authority) -> None:
    seen: list[int] = []

    async def count(number: int, command: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(number)
        await only_open(number, command, writer)

    async with receiver(authority, count, window=3, ack_timeout=0.3) as there:
        connection = await RelpConnection.open(there)
        for _ in range(3):
            await connection.send(b"x")
        with pytest.raises(RelpError, match="in time"):
            await connection.send(b"one too many")
        await connection.close()
    assert seen[:4] == [1, 2, 3, 4]
    assert connection.acknowledged == 0


async def fails_after_open(authority: Authority, answer: Answer) -> str:
    """The fault of a message that `answer` does not acknowledge well."""

    async def after_open(number: int, command: bytes, writer: asyncio.StreamWriter) -> None:
        await (acknowledge if command == b"open" else answer)(number, command, writer)

    async with receiver(authority, after_open) as there:
        connection = await RelpConnection.open(there)
        await connection.send(b"message")
        with pytest.raises(RelpError) as fault:
            await connection.drain()
        await connection.close()
    assert connection.acknowledged == 0
    return str(fault.value)


async def test_server_close_ends_the_connection(authority: Authority) -> None:
    async def close(_number: int, _command: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"0 serverclose 0\n")

    assert "ended the connection" in await fails_after_open(authority, close)


async def test_refusal_is_no_acknowledgement(authority: Authority) -> None:
    async def refuse(number: int, _command: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"%d rsp 9 500 error\n" % number)

    assert "refused" in await fails_after_open(authority, refuse)


async def test_acknowledgement_of_another_number_is_refused(authority: Authority) -> None:
    async def skip(number: int, _command: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"%d rsp 6 200 OK\n" % (number + 1))

    assert "not the next" in await fails_after_open(authority, skip)


async def test_garbage_ends_the_connection(authority: Authority) -> None:
    async def babble(_number: int, _command: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")

    assert "lost" in await fails_after_open(authority, babble)


async def test_endless_answer_ends_the_connection(authority: Authority) -> None:
    async def flood(number: int, _command: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"%d rsp 999999999 200 OK\n" % number)

    assert "bytes" in await fails_after_open(authority, flood)


async def test_refused_open_is_an_error(authority: Authority) -> None:
    async def refuse(number: int, _command: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"%d rsp 9 500 error\n" % number)

    async with receiver(authority, refuse) as there:
        with pytest.raises(RelpError, match="open was answered"):
            await RelpConnection.open(there)


async def test_sending_on_a_lost_connection_is_an_error(authority: Authority) -> None:
    async def hang_up(number: int, command: bytes, writer: asyncio.StreamWriter) -> None:
        await only_open(number, command, writer)
        await writer.drain()
        writer.transport.abort()

    async with receiver(authority, hang_up) as there:
        connection = await RelpConnection.open(there)
        await wait_until(lambda: connection.closed, "the end is not noticed")
        with pytest.raises(RelpError, match="lost"):
            await connection.send(b"message")
        await connection.close()


async def test_message_that_the_receiver_would_abort_on_is_never_sent(authority: Authority) -> None:
    async with receiver(authority, acknowledge) as there:
        connection = await RelpConnection.open(there)
        with pytest.raises(ValueError, match="bytes"):
            await connection.send(b"x" * (MAX_MESSAGE + 1))
        await connection.close()


async def test_client_asks_for_tls_13_and_a_verified_name(authority: Authority) -> None:
    client = authority.client("relay", RELAY_NAME)
    context = client_context(str(authority.certificate), str(client.certificate), str(client.key))
    assert (context.minimum_version, context.verify_mode, context.check_hostname) == (
        ssl.TLSVersion.TLSv1_3,
        ssl.CERT_REQUIRED,
        True,
    )


async def test_receiver_of_another_name_is_refused(authority: Authority) -> None:
    async with receiver(authority, acknowledge) as there:
        other = Receiver(there.host, there.port, "soc.ioc.internal", there.tls)
        with pytest.raises(RelpError, match="certificate"):
            await RelpConnection.open(other)
