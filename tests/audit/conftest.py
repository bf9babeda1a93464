"""Fixtures of the log's tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.audit.parts import Soc, engine
from tests.conftest import Database


@pytest.fixture
def soc(tmp_path: Path) -> Iterator[Soc]:
    """A receiver that is not started yet."""
    soc = Soc(tmp_path)
    yield soc
    soc.stop()


@pytest.fixture
async def app(database: Database) -> AsyncIterator[AsyncEngine]:
    """SQLAlchemy as backend_app."""
    made = engine(database.settings("backend_app"))
    yield made
    await made.dispose()


@pytest.fixture
async def worker(database: Database) -> AsyncIterator[AsyncEngine]:
    """SQLAlchemy as backend_worker."""
    made = engine(database.settings("backend_worker"))
    yield made
    await made.dispose()
