"""`python -m vault.admin --settings FILE COMMAND`: for operators of the vault's keys; `./ioc vault` runs it.

rotate    a new version of each class's key, new epochs, older epoch keys rewrapped; finishes what was cut off
"""

import argparse
import json
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import psycopg
import requests
from hvac.exceptions import VaultError

from foundation import logs
from foundation.settings import VaultAdminSettings, load
from vault.keyring.administration import HvacKeys, Rotation, connected
from vault.keyring.types import Class

CLASSES = {class_.transit_key: class_ for class_ in Class}


def rotate(settings: VaultAdminSettings, classes: list[Class]) -> bool:
    """A line of JSON a class. False when rows were refused."""
    whole = True
    with closing(HvacKeys(settings.rotate)) as keys, connected(settings.database) as connection:
        rotation = Rotation(keys, connection)
        for class_ in classes:
            done = rotation.rotate(class_)
            print(json.dumps({"class": class_.transit_key} | asdict(done)), flush=True)
            whole = whole and not done.refused
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m vault.admin")
    parser.add_argument("--settings", type=Path, required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    of_rotate = commands.add_parser("rotate")
    of_rotate.add_argument("--class", dest="classes", action="append", choices=CLASSES, help="default: all")
    arguments = parser.parse_args()
    logs.configure("vault_admin")
    settings = load(arguments.settings, VaultAdminSettings)
    try:
        whole = rotate(settings, [CLASSES[name] for name in arguments.classes or CLASSES])
    except (VaultError, requests.RequestException, psycopg.Error, OSError) as error:
        # The kind alone: texts may hold what was sent.
        sys.exit(f"cut off: {type(error).__name__}. Run it again: it goes on where it was.")
    if not whole:
        sys.exit("some rows do not open for their place: somebody changed them. The others are rotated.")


if __name__ == "__main__":
    main()
