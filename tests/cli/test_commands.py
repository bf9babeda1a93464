"""What the commands print, and how they fail."""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pyotp
import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.follow import last_lines
from cli.lock import drift
from cli.output import errors, readable, show
from cli.soc import summary
from stack.errors import StackError
from stack.home import Home
from stack.ports import Ports
from stack.supervisor import Part, Supervisor

_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home that was started once: ports and people, nothing running."""
    home = Home(tmp_path)
    home.prepare()
    (tmp_path / "ports.json").write_text(json.dumps(asdict(Ports.unused())))
    person = {"realm": "hanoi-ioc", "name": "Trần Văn Minh", "password": "p", "totp_secret": _SECRET}
    home.secret("people.json").write_text(
        json.dumps({"minh": person, "lan": {**person, "totp_secret": None}})
    )
    monkeypatch.setenv("IOC_HOME", str(tmp_path))
    yield home
    home.remove_sockets()


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, StackError):
        raise result.exception
    return result.output


def test_code_is_the_one_that_the_persons_phone_shows(home: Home) -> None:
    printed = _run("totp", "minh").split()[0]
    assert pyotp.TOTP(_SECRET).verify(printed, valid_window=1)


def test_name_and_password_are_shown_on_request(home: Home) -> None:
    assert _run("totp", "minh", "--password").startswith("Trần Văn Minh, password: p\n")


def test_unknown_person_is_told_who_exists(home: Home) -> None:
    with pytest.raises(StackError, match="nobody is called minhh") as error:
        _run("totp", "minhh")
    assert error.value.remedy == "choose one of: minh, lan"


def test_person_without_second_factor_is_told_so(home: Home) -> None:
    with pytest.raises(StackError, match="lan has no second factor"):
        _run("totp", "lan")


def test_variables_that_are_no_object_are_refused(home: Home) -> None:
    result = CliRunner().invoke(app, ["graphql", "--as", "minh", "{ a }", "--variables", "[1]"])
    assert result.exit_code == 2
    assert "not a JSON object" in result.output


def test_status_of_nothing_has_exit_code_3(home: Home) -> None:
    result = CliRunner().invoke(app, ["status", "--json"])
    assert result.exit_code == 3
    assert json.loads(result.output)["parts"] == []


def test_status_names_a_part_that_ended(home: Home) -> None:
    supervisor = Supervisor(home, die_with_us=True)
    for name in ("api", "worker"):
        supervisor.start(Part(name, lambda: ["sleep", "60"], lambda: True))
    supervisor.running()[1].identity.send(9)  # type: ignore[arg-type]  # SIGKILL as its number
    supervisor.running()[1].identity.wait(5)
    result = CliRunner().invoke(app, ["status", "--json"])
    supervisor.stop()
    states = {part["name"]: part["state"] for part in json.loads(result.output)["parts"]}
    assert (states, result.exit_code) == ({"api": "running", "worker": "ended"}, 3)


def test_status_before_the_first_start_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOC_HOME", str(tmp_path / "never"))
    with pytest.raises(StackError, match="nothing was ever started"):
        _run("status")


def test_down_without_anything_running_says_so(home: Home) -> None:
    assert _run("down") == "Nothing was running.\n"


def test_log_of_an_unknown_part_names_the_known(home: Home) -> None:
    home.log("api").write_text("one\ntwo\n")
    with pytest.raises(StackError) as error:
        _run("logs", "apii")
    assert error.value.remedy == "choose one of: api"


def test_end_of_a_log_is_shown(home: Home) -> None:
    home.log("api").write_text("one\ntwo\nthree\n")
    assert _run("logs", "api", "-n", "2") == "two\nthree\n"


def test_following_gives_whole_lines_as_they_come(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("old\n")
    lines = last_lines(file, 1, follow=True)
    assert next(lines) == "old"
    with file.open("a") as stream:
        stream.write("nửa ")
        stream.flush()
        later = threading.Timer(0.1, lambda: (stream.write("dòng\n"), stream.flush()))
        later.start()
        assert next(lines) == "nửa dòng"
        later.join()


def test_audit_event_is_one_line_for_a_person() -> None:
    event = {
        "time": 1795487560200,
        "actor": {"user": {"uid": "ZK2BYJ6AQEBAXM6XIOZAAB75FM"}},
        "unmapped": {"action": "report.accept", "decision": "allow", "resource": "report:X", "unit": "00070"},
        "metadata": {"sequence": 7},
    }
    line = "     7  09:32:40  report.accept  allow  report:X  00070  by ZK2BYJ6AQEBA"
    assert summary(json.dumps(event)) == line


def test_failure_shows_part_last_words_log_and_remedy(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text('{"level": "error", "event": "port [taken]"}\n')
    with errors.capture() as shown:
        show(StackError("api", "it ended", "read its log", log))
    text = shown.get()
    words = ["api: it ended", "error port [taken]", "api.log", "What to do: read its log"]
    # The frame breaks lines where the folder's name ends.
    plain = "".join(text.replace("│", "").split())
    assert [word for word in words if "".join(word.split()) not in plain] == []


def test_line_that_is_not_json_is_shown_as_it_is() -> None:
    assert readable("LOG:  database system is ready") == "LOG:  database system is ready"


_PROJECT = (
    '[project]\nname = "x"\ndependencies = ["HTTPX>=0.28"]\n[project.optional-dependencies]\ndev = ["rich"]\n'
)


def test_lock_that_answers_the_project_has_no_drift() -> None:
    assert drift(_PROJECT, "httpx==0.28.1 \\\n    --hash=sha256:0\nrich==15.0\n") == []


def test_dependency_that_is_not_locked_is_named() -> None:
    assert drift(_PROJECT, "httpx==0.28.1\n") == ["rich is not locked"]


def test_dependency_locked_at_another_version_is_named() -> None:
    assert drift(_PROJECT, "httpx==0.27\nrich==15\n") == ["HTTPX is locked at 0.27, wanted >=0.28"]
