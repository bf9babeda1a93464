"""Whether requirements.lock answers pyproject.toml: each dependency is locked, at an allowed version."""

import re
import sys
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stack.home import ROOT

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def drift(project: str, lock: str) -> list[str]:
    """What the lock lacks or holds at a version that the project does not allow. Needs no package index."""
    locked = {canonicalize_name(name): version for name, version in _PINNED.findall(lock)}
    described = tomllib.loads(project)["project"]
    wanted = [*described["dependencies"]]
    for extra in described.get("optional-dependencies", {}).values():
        wanted += extra
    found = []
    for requirement in map(Requirement, wanted):
        version = locked.get(canonicalize_name(requirement.name))
        if version is None:
            found.append(f"{requirement.name} is not locked")
        elif not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement.name} is locked at {version}, wanted {requirement.specifier}")
    return found


def main() -> None:
    """Exit code 1 and the list when the two differ."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found = drift(project, lock)
    if found:
        sys.exit("\n".join([*found, "Compile requirements.lock anew (docs/operations)."]))


if __name__ == "__main__":
    main()
