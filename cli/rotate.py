"""`ioc rotate`: replace keys, passwords and certificates while the system runs."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from cli import place
from cli.output import console, step
from stack.errors import StackError
from stack.rotation import FORGEABLE, SHARED_KEYS, Rotation, Step

_PLANS: dict[str, tuple[str, Callable[[Rotation], list[Step]]]] = {
    "passwords": ("database passwords of the backend's roles", Rotation.passwords),
    "certificates": ("TLS keys and certificates of every process and the edge", Rotation.certificates),
    "realm-keys": ("Keycloak's keys that sign and encrypt for its realms", Rotation.realm_keys),
    "client-keys": ("our keys as clients of Keycloak", Rotation.client_keys),
    "queue-keys": ("what api and worker sign with what they ask of the directory", Rotation.queue_keys),
    "forget": ("remove old keys whose window is over", Rotation.forget),
    **{name: (f"the key {name}", partial(Rotation.shared_key, name=name)) for name in SHARED_KEYS},
}


def rotate(
    what: Annotated[str | None, typer.Argument(help=f"One of: {', '.join(_PLANS)}.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
    stolen: Annotated[
        bool, typer.Option("--stolen", help="Somebody else has the old key: it is accepted no more, at once.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --stolen: do not ask.")] = False,
) -> None:
    """Replace keys, passwords or certificates without an interruption. Without an argument: the list.

    With --stolen what the old key made is refused at once: links, cursors, requests that wait, every session.
    """
    if what is None:
        for name, (words, _) in _PLANS.items():
            console.print(f"{name:<14} {words}")
        return
    if what not in _PLANS:
        raise StackError("rotate", f"there is no {what}", f"choose one of: {', '.join(_PLANS)}")
    if stolen and what not in FORGEABLE:
        raise StackError(
            "rotate", f"{what} leaves no old key to be dropped", f"--stolen goes with: {', '.join(FORGEABLE)}"
        )
    stack = place.existing()
    rotation = Rotation(stack)
    plans = [partial(_PLANS[what][1], rotation), *([partial(rotation.drop, what)] if stolen else [])]
    if dry_run:
        for number, one in enumerate(plans[0](), 1):
            console.print(f"{number}. {one.words}", soft_wrap=True)
        if stolen:
            console.print(f"Then every old one is removed and refused: {FORGEABLE[what]}.")
        return
    if stolen and not yes:
        typer.confirm(f"With the old {what} this ends now: {FORGEABLE[what]}. Go on?", abort=True)
    done = 0
    with stack.supervisor.alone():
        for plan in plans:  # what is old is known when the new one is in its place
            for one in plan():
                with step(one.words):
                    one.act()
                done += 1
    console.print("Done." if done else "There is nothing to do.")
