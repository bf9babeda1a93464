"""`python -m migrations --database backend|vault --settings FILE [--revision head]`."""

import argparse
from pathlib import Path

from alembic import command
from alembic.config import Config

from foundation.database.connections import url_of
from foundation.settings import DatabaseSettings, load

HERE = Path(__file__).parent


def configuration(database: str, settings: DatabaseSettings) -> Config:
    """Alembic's configuration for one of the two databases, signed in as its migrator."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(HERE / database / "versions"))
    config.attributes["url"] = url_of(settings, "psycopg")
    return config


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m migrations")
    parser.add_argument("--database", choices=("backend", "vault"), required=True)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--revision", default="head")
    arguments = parser.parse_args()
    settings = load(arguments.settings, DatabaseSettings)
    command.upgrade(configuration(arguments.database, settings), arguments.revision)


if __name__ == "__main__":
    main()
