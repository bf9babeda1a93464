"""Programs of the system's package manager: installed when we are root, else named in one command."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stack import edge_files
from stack.errors import StackError

_SEARCH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
_JAVA_PACKAGES = ("openjdk-17-jre-headless", "openjdk-21-jre-headless", "default-jre-headless")
_MINIMUM_JAVA = 17


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that must be on the machine, and packages that bring it: the first that exists is taken."""

    name: str
    present: bool
    packages: tuple[str, ...]


def requirements(needs_maven: bool) -> list[Requirement]:
    """What the stack needs from the system, and whether it is there."""
    needed = [
        Requirement("rsyslog", program("rsyslogd") is not None, ("rsyslog",)),
        Requirement("rsyslog's RELP", _module("imrelp.so"), ("rsyslog-relp",)),
        Requirement("rsyslog's GnuTLS", _module("lmnsd_gtls.so"), ("rsyslog-gnutls",)),
        Requirement("rsyslog's OpenSSL", _module("lmnsd_ossl.so"), ("rsyslog-openssl",)),
        Requirement("nginx", program("nginx") is not None, ("nginx",)),
        Requirement(
            "nginx's ModSecurity",
            edge_files.MODULE.exists() and edge_files.UNICODE.exists(),
            ("libnginx-mod-http-modsecurity",),
        ),
        Requirement("the OWASP Core Rule Set", edge_files.CORE_RULES_FOLDER.is_dir(), ("modsecurity-crs",)),
        Requirement("ClamAV", program("clamd") is not None, ("clamav-daemon",)),
        Requirement(f"Java {_MINIMUM_JAVA}", _java_version() >= _MINIMUM_JAVA, _JAVA_PACKAGES),
    ]
    if needs_maven:
        needed.append(Requirement("Maven", program("mvn") is not None, ("maven",)))
    return needed


def ensure(needed: list[Requirement], log: Path) -> None:
    """Install what is missing. Raises StackError with the one command when we may not."""
    missing = [requirement for requirement in needed if not requirement.present]
    if not missing:
        return
    names = ", ".join(requirement.name for requirement in missing)
    if shutil.which("apt-get", path=_SEARCH) is None:
        raise StackError("system", f"missing: {names}", f"install {names} with this system's package manager")
    if os.geteuid() != 0:
        raise StackError("system", f"missing: {names}", install_command(missing))
    if not list(Path("/var/lib/apt/lists").glob("*_Packages*")):
        _apt(["update"], log)
    try:
        _install(missing, log)
    except StackError:  # the lists may be older than the packages
        _apt(["update"], log)
        _install(missing, log)


def install_command(missing: list[Requirement]) -> str:
    """One line that installs everything missing."""
    packages = " ".join(_available(requirement.packages) for requirement in missing)
    return f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {packages}"


def program(name: str) -> str | None:
    """The path of a system program; the system's own folders count even when PATH leaves them out."""
    return shutil.which(name) or shutil.which(name, path=_SEARCH)


def java() -> str:
    """The Java virtual machine's program."""
    found = program("java")
    if found is None:
        raise StackError("keycloak", "there is no Java", f"apt-get install -y {_JAVA_PACKAGES[0]}")
    return found


def _install(missing: list[Requirement], log: Path) -> None:
    packages = [_available(requirement.packages) for requirement in missing]
    _apt(["install", "-y", "--no-install-recommends", *packages], log)


def _apt(arguments: list[str], log: Path) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with log.open("ab") as output:
        done = subprocess.run(
            ["apt-get", *arguments], check=False, env=environment, stdout=output, stderr=output
        )
    if done.returncode:
        raise StackError(
            "system", f"`apt-get {' '.join(arguments)}` failed", "read its log, put it right, try again", log
        )


def _available(candidates: tuple[str, ...]) -> str:
    for name in candidates[:-1]:
        shown = subprocess.run(["apt-cache", "show", name], check=False, capture_output=True)
        if shown.returncode == 0:
            return name
    return candidates[-1]


def _module(name: str) -> bool:
    return any(Path("/usr/lib").glob(f"*/rsyslog/{name}")) or Path("/usr/lib/rsyslog", name).exists()


def _java_version() -> int:
    found = program("java")
    if found is None:
        return 0
    shown = subprocess.run([found, "-version"], check=False, capture_output=True, text=True)
    match = re.search(r'version "(\d+)', shown.stderr)
    return int(match.group(1)) if match else 0
