"""Where the stack of this command is."""

import json
import os
from pathlib import Path
from typing import Any

from cli.output import step
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.home import ROOT, Home
from stack.ports import Ports

VARIABLE = "IOC_HOME"


def home() -> Home:
    """The folder that IOC_HOME names, else `.ioc` in the repository."""
    return Home(Path(os.environ.get(VARIABLE) or ROOT / ".ioc").resolve())


def existing() -> EmbeddedStack:
    """The stack that was started here before. Raises StackError when there is none."""
    here = home()
    if not (here.folder / "ports.json").exists():
        raise StackError("stack", f"nothing was ever started in {here.folder}", "./ioc up")
    return EmbeddedStack(here, Ports.kept(here.folder, None), step)


def people(here: Home) -> dict[str, Any]:
    """Demo people by user name. Raises StackError before the first start."""
    file = here.secret("people.json")
    if not file.exists():
        raise StackError("people", "there are no demo people yet", "./ioc up")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def person(here: Home, name: str) -> dict[str, Any]:
    """One demo person. Raises StackError naming those that exist."""
    known = people(here)
    if name not in known:
        raise StackError("people", f"nobody is called {name}", f"choose one of: {', '.join(known)}")
    found: dict[str, Any] = known[name]
    return found
