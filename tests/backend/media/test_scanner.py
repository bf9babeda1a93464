"""clamd itself, with signatures of our own, and a scanner that is away, silent or talks nonsense."""

import asyncio
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backend.media.errors import Infected, ScanUnavailable
from backend.media.scanner import ClamdScanner
from stack.clamav import ClamAv
from stack.home import Home
from tests.backend.media.pictures import office, pdf, photo
from tests.backend.media.rig import code_of, serving
from tests.conftest import Database

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.fixture(scope="module")
def clamd(test_home: Home) -> Iterator[Path]:
    """The real daemon's socket; its signatures know EICAR's test file alone."""
    clamav = ClamAv(test_home)
    clamav.prepare()
    process = subprocess.Popen(
        clamav.command(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        **clamav.account.process_options(),
    )
    try:
        until = time.monotonic() + 60
        while not clamav.answers() and time.monotonic() < until:
            time.sleep(0.1)
        yield clamav.socket
    finally:
        process.terminate()
        process.wait(120)


@asynccontextmanager
async def double(folder: Path, answer: bytes | None) -> AsyncIterator[Path]:
    """Something at a socket that reads a whole file in clamd's framing and says `answer`; None: nothing."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        while size := struct.unpack(">I", await reader.readexactly(4))[0]:
            await reader.readexactly(size)
        if answer is None:
            await reader.read()
        writer.write(answer or b"")
        writer.close()

    server = await asyncio.start_unix_server(talk, folder / "s")
    try:
        yield folder / "s"
    finally:
        server.close()


async def test_infected_file_is_found(clamd: Path) -> None:
    with pytest.raises(Infected):
        await ClamdScanner(clamd).scan(EICAR)


async def test_infected_file_within_a_document_is_found(clamd: Path) -> None:
    with pytest.raises(Infected):
        await ClamdScanner(clamd).scan(office(word__media__a_dot_xml=EICAR))


@pytest.mark.parametrize("octets", [photo(), pdf(), office(), bytes(20 * 1024 * 1024)])
async def test_clean_file_passes(clamd: Path, octets: bytes) -> None:
    await ClamdScanner(clamd).scan(octets)


async def test_infected_document_is_not_taken(clamd: Path, database: Database, tmp_path: Path) -> None:
    async with serving(database, tmp_path, scanner_socket=clamd, scan_required=True) as api:
        report = await api.report()
        infected = await api.upload(office(word__media__a_dot_xml=EICAR), report.code)
        clean = await api.upload(office(), report.code)
    assert (infected.status_code, code_of(infected), clean.status_code) == (422, "media.infected", 201)
    assert len(api.files()) == 1


async def test_no_scanner_no_file(database: Database, tmp_path: Path) -> None:
    away = tmp_path / "away"
    async with serving(database, tmp_path, scanner_socket=away, scan_required=True) as api:
        report = await api.report()
        answer = await api.upload(photo(), report.code)
    assert (answer.status_code, code_of(answer)) == (503, "media.scan_unavailable")
    assert api.files() == []


@pytest.mark.parametrize(
    "answer",
    [b"INSTREAM size limit exceeded. ERROR\0", b"stream: OK", b"", b"stream: OK\nnonsense\0", b"x" * 9_000],
    ids=["error", "no end", "nothing", "nonsense", "endless"],
)
async def test_scanner_that_does_not_say_ok_is_no_scanner(tmp_path: Path, answer: bytes) -> None:
    async with double(tmp_path, answer) as socket:
        with pytest.raises(ScanUnavailable):
            await ClamdScanner(socket).scan(b"clean")


async def test_silent_scanner_is_not_waited_for(tmp_path: Path) -> None:
    async with double(tmp_path, None) as socket:
        with pytest.raises(ScanUnavailable):
            await ClamdScanner(socket, seconds=0.2).scan(b"clean")


async def test_unscanned_file_passes_where_scanning_is_not_required(tmp_path: Path) -> None:
    await ClamdScanner(tmp_path / "away", required=False).scan(b"clean")


async def test_infected_file_is_refused_even_there(tmp_path: Path) -> None:
    async with double(tmp_path, b"stream: Eicar FOUND\0") as socket:
        with pytest.raises(Infected):
            await ClamdScanner(socket, required=False).scan(EICAR)
