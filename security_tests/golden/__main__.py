"""`python -m security_tests.golden --write|--check --settings FILE [--database backend|vault]`.

FILE is the DatabaseSettings of any role of a migrated database: catalogues are readable by all.
"""

import argparse
import difflib
import sys
from pathlib import Path

import psycopg

from foundation.database.connections import for_psycopg
from foundation.settings import DatabaseSettings, load
from security_tests.golden.walls import FOLDER, describe


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m security_tests.golden")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--database", choices=("backend", "vault"), default="backend")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true")
    action.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    settings = load(arguments.settings, DatabaseSettings)
    with psycopg.connect(**for_psycopg(settings)) as connection:
        found = describe(connection, arguments.database)
    golden = FOLDER / f"{arguments.database}.txt"
    if arguments.write:
        golden.write_text(found, encoding="utf-8")
        return
    agreed = golden.read_text(encoding="utf-8")
    changes = difflib.unified_diff(
        agreed.splitlines(), found.splitlines(), "agreed", "found", lineterm="", n=0
    )
    for line in changes:
        print(line)
    sys.exit(int(agreed != found))


if __name__ == "__main__":
    main()
