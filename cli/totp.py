"""`ioc totp PERSON`: the code that a demo person's phone would show."""

import time
from typing import Annotated

import pyotp
import typer

from cli import place
from cli.output import console
from stack.errors import StackError

_PERIOD = 30


def totp(
    person: Annotated[str, typer.Argument(help="A demo person's user name.")],
    password: Annotated[bool, typer.Option("--password", help="Show the password too.")] = False,
) -> None:
    """Print a demo person's current one-time code and how long it is good for."""
    found = place.person(place.home(), person)
    if found["totp_secret"] is None:
        raise StackError("people", f"{person} has no second factor", "sign in with the password alone")
    left = _PERIOD - int(time.time()) % _PERIOD
    if password:
        console.print(f"{found['name']}, password: {found['password']}", markup=False)
    console.print(f"{pyotp.TOTP(found['totp_secret']).now()}  ({left} s left)")
