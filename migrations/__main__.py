"""`python -m migrations --database backend|vault --settings FILE [--revision head]`."""

import argparse
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL

from foundation.settings import DatabaseSettings, load, read_secret

HERE = Path(__file__).parent


def configuration(database: str, settings: DatabaseSettings) -> Config:
    """Alembic's configuration for one of the two databases, signed in as its migrator."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(HERE / database / "versions"))
    config.attributes["url"] = URL.create(
        "postgresql+psycopg",
        username=settings.user,
        password=read_secret(settings.password_file).decode(),
        database=settings.name,
        query={"host": settings.host, "port": str(settings.port)},
    )
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
