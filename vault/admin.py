"""`python -m vault.admin --settings FILE COMMAND`: for operators of the vault's keys; `./ioc vault` runs it.

rotate    a new version of each class's key, new epochs, older epoch keys rewrapped; finishes what was cut off
move      data keys of records brought to the newest epochs
shred     epochs of before a moment destroyed, and versions that wrapped them; refused while records lie there
"""

import argparse
import asyncio
import json
import secrets
import sys
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import requests
from hvac.exceptions import VaultError
from sqlalchemy.exc import SQLAlchemyError

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from foundation import logs
from foundation.clock import SystemClock
from foundation.database.database import Database
from foundation.ids import new_uuid
from foundation.settings import VaultAdminSettings, load
from vault.keyring.administration import HvacKeys, Rotation, connected
from vault.keyring.destruction import HvacVersions, StillInUse, destroy
from vault.keyring.errors import KeyringUnavailable
from vault.keyring.moving import move
from vault.keyring.service import Keyring
from vault.keyring.types import Class

CLASSES = {class_.transit_key: class_ for class_ in Class}
_CUT_OFF = (
    VaultError,
    requests.RequestException,
    psycopg.Error,
    SQLAlchemyError,
    KeyringUnavailable,
    OSError,
)


def rotate(settings: VaultAdminSettings, classes: list[Class]) -> int:
    """A line of JSON a class. How many rows were refused."""
    refused = 0
    with closing(HvacKeys(settings.rotate)) as keys, connected(settings.database) as connection:
        rotation = Rotation(keys, connection)
        for class_ in classes:
            done = rotation.rotate(class_)
            say(class_, asdict(done))
            refused += done.refused
    return refused


async def move_all(settings: VaultAdminSettings, classes: list[Class]) -> int:
    """A line of JSON a class. How many keys were refused."""
    if settings.keyring is None:
        sys.exit("these settings open no data key: keyring")
    recorder = AuditRecorder(
        service="ioc-vault",
        clock=SystemClock(),
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=RefusalCounter(),
    )
    database = Database(settings.database, recorder)
    keyring = Keyring(settings.keyring, settings.database, secrets.token_bytes)
    refused = 0
    try:
        for class_ in classes:
            done = await move(database, keyring, class_)
            say(class_, asdict(done))
            refused += done.refused
    finally:
        await keyring.close()
        await database.close()
    return refused


def shred(settings: VaultAdminSettings, classes: list[Class], before: datetime) -> int:
    """A line of JSON a class."""
    if settings.destroy is None:
        sys.exit("these settings destroy nothing: destroy")
    with closing(HvacVersions(settings.destroy)) as versions, connected(settings.database) as connection:
        for class_ in classes:
            try:
                say(class_, asdict(destroy(versions, connection, class_, before)))
            except StillInUse as error:
                sys.exit(f"{class_.transit_key}: {error.records} records lie there: move them first")
    return 0


def say(class_: Class, done: dict[str, Any]) -> None:
    """What was done, as a line."""
    print(json.dumps({"class": class_.transit_key} | done), flush=True)


def moment(text: str) -> datetime:
    """RFC 3339 with an offset; a day alone begins in UTC. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m vault.admin")
    parser.add_argument("--settings", type=Path, required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("rotate", "move"):
        commands.add_parser(command).add_argument(
            "--class", dest="classes", action="append", choices=CLASSES, help="default: all"
        )
    of_shred = commands.add_parser("shred")
    of_shred.add_argument("--class", dest="classes", action="append", choices=CLASSES, required=True)
    of_shred.add_argument("--before", type=moment, required=True)
    arguments = parser.parse_args()
    logs.configure("vault_admin")
    settings = load(arguments.settings, VaultAdminSettings)
    classes = [CLASSES[name] for name in arguments.classes or CLASSES]
    try:
        if arguments.command == "rotate":
            refused = rotate(settings, classes)
        elif arguments.command == "move":
            refused = asyncio.run(move_all(settings, classes))
        else:
            refused = shred(settings, classes, arguments.before)
    except _CUT_OFF as error:
        # The kind alone: texts may hold what was sent.
        sys.exit(f"cut off: {type(error).__name__}. Run it again: it goes on where it was.")
    if refused:
        sys.exit(f"{refused} do not open for their place: somebody changed them. The others are done.")


if __name__ == "__main__":
    main()
