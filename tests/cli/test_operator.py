"""What an operator sees of the directory's queue and of letters, and may do."""

import time
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from foundation.database.connections import for_psycopg
from foundation.ids import new_report_code, new_uuid
from tests.conftest import RunningStack

_ROW = """
INSERT INTO directory.request (id, signer, operation, target, jws, next_at, attempts, fault)
VALUES (%(id)s, 'api', 'official.create', %(target)s, 'x', now() + interval '1 h', 7, 'keycloak_away')
"""


@pytest.fixture
def waiting(running_stack: RunningStack) -> UUID:
    """A request that waits for another hour."""
    request = new_uuid()
    with psycopg.connect(**for_psycopg(running_stack.database("backend_superuser"))) as connection:
        connection.execute(_ROW, {"id": request, "target": new_report_code()})
    return request


@pytest.fixture
def ioc(running_stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> "Ioc":
    monkeypatch.setattr("cli.place.existing", lambda: running_stack.stack)
    return Ioc()


class Ioc:
    """The launcher's commands."""

    def __call__(self, *arguments: str) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.output


def test_waiting_request_is_listed_with_its_fault(ioc: Ioc, waiting: UUID) -> None:
    (line,) = [line for line in ioc("directory", "requests", "list").splitlines() if str(waiting) in line]
    operation, _, *rest = line.split()[3:]
    assert (operation, rest) == ("official.create", ["waiting", "7x", "keycloak_away"])


def test_waiting_request_is_shown_without_what_was_signed(ioc: Ioc, waiting: UUID) -> None:
    shown = dict(
        line.split(maxsplit=1) for line in ioc("directory", "requests", "show", str(waiting)).splitlines()
    )
    assert (shown["signer"], shown["officers"], shown["give_up"]) == ("api", "0", "False")
    assert "jws" not in shown


@pytest.mark.parametrize(
    ("command", "code"), [("retry", "directory.forged"), ("give-up", "directory.given_up")]
)
def test_operator_makes_the_directory_look_at_once(
    ioc: Ioc, waiting: UUID, running_stack: RunningStack, command: str, code: str
) -> None:
    ioc("directory", "requests", command, str(waiting))
    deadline = time.monotonic() + 60
    while "refused" not in ioc("directory", "requests", "show", str(waiting)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert code in ioc("directory", "requests", "show", str(waiting))


def test_request_that_does_not_wait_can_not_be_given_up(ioc: Ioc) -> None:
    done = CliRunner().invoke(app, ["directory", "requests", "give-up", str(new_uuid())])
    assert done.exit_code == 1


def test_letters_are_listed_and_shown(ioc: Ioc, running_stack: RunningStack) -> None:
    letter = EmailMessage()
    letter["Subject"], letter["X-Recipients"] = "Thử nghiệm", "an@ioc.hanoi.example"
    letter.set_content("Xin chào")
    file = Path(running_stack.home) / "mail" / "29990101T000000000000-0001.eml"
    file.write_bytes(letter.as_bytes())
    try:
        assert ioc("mail", "list").splitlines()[-1].endswith("an@ioc.hanoi.example  Thử nghiệm")
        assert ioc("mail", "show").strip() == "Xin chào"
    finally:
        file.unlink()
