"""`ioc rotate`: replace keys, passwords and certificates while the system runs."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from cli import place
from cli.output import console, step
from stack.errors import StackError
from stack.rotation import SHARED_KEYS, Rotation, Step

_PLANS: dict[str, tuple[str, Callable[[Rotation], list[Step]]]] = {
    "passwords": ("database passwords of the backend's roles", Rotation.passwords),
    "certificates": ("TLS keys and certificates of every process and the edge", Rotation.certificates),
    "realm-keys": ("Keycloak's keys that sign tokens", Rotation.realm_keys),
    "forget": ("remove old keys whose window is over", Rotation.forget),
    **{name: (f"the key {name}", partial(Rotation.shared_key, name=name)) for name in SHARED_KEYS},
}


def rotate(
    what: Annotated[str | None, typer.Argument(help=f"One of: {', '.join(_PLANS)}.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
) -> None:
    """Replace keys, passwords or certificates without an interruption. Without an argument: the list."""
    if what is None:
        for name, (words, _) in _PLANS.items():
            console.print(f"{name:<14} {words}")
        return
    if what not in _PLANS:
        raise StackError("rotate", f"there is no {what}", f"choose one of: {', '.join(_PLANS)}")
    stack = place.existing()
    plan = _PLANS[what][1](Rotation(stack))
    if dry_run:
        for number, one in enumerate(plan, 1):
            console.print(f"{number}. {one.words}", soft_wrap=True)
        return
    with stack.supervisor.alone():
        for one in plan:
            with step(one.words):
                one.act()
    console.print("Done." if plan else "There is nothing to do.")
