"""Processes of the api with settings of a test's own, asked over HTTPS."""

import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from foundation.settings import ApiSettings
from security_tests.attacks.served import free_port
from stack.home import ROOT
from stack.keycloak import answers
from stack.settings_files import write_settings

__all__ = ["Answer", "Api", "free_port", "started"]

VIEWER = "{ viewer { __typename } }"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller sees."""

    status: int
    challenge: str | None
    code: str | None
    """Of the first error; None when there is none."""


@dataclass(frozen=True)
class Api:
    """One running process."""

    url: str
    http: httpx.Client

    def ask(self, token: str, proof: str, *headers: tuple[str, str], **request: Any) -> Answer:
        """One request with these credentials."""
        return self.send([("authorization", f"DPoP {token}"), ("dpop", proof), *headers], **request)

    def send(
        self,
        headers: Sequence[tuple[str, str]],
        path: str = "/graphql",
        query: str = VIEWER,
        method: str = "POST",
    ) -> Answer:
        """One request with these headers."""
        response = self.http.request(method, self.url + path, headers=list(headers), json={"query": query})
        errors = response.json().get("errors", [{}])
        code = errors[0].get("extensions", {}).get("code")
        return Answer(response.status_code, response.headers.get("www-authenticate"), code)


@contextmanager
def started(
    settings: ApiSettings, authority: Path, folder: Path, module: str = "services.api"
) -> Iterator[Api]:
    """Start `python -m MODULE`, wait until it is ready, stop it after."""
    url = f"https://localhost:{settings.listen_port}"
    file = folder / f"api-{settings.listen_port}.toml"
    write_settings(file, settings)
    log_file = file.with_suffix(".log")
    with log_file.open("ab") as log:
        command = [sys.executable, "-m", module, "--settings", str(file)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            _wait_for(process, url, authority, log_file)
            context = ssl.create_default_context(cafile=str(authority))
            with httpx.Client(verify=context, timeout=30, trust_env=False) as http:
                yield Api(url, http)
        finally:
            process.terminate()
            process.wait(120)


def _wait_for(process: subprocess.Popen[bytes], url: str, authority: Path, log: Path) -> None:
    deadline = time.monotonic() + 60
    while not answers(f"{url}/health/ready", authority):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the api did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)
