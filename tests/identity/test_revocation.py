"""Proof replay and ends of sessions in the real database, as the runtime roles see it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from foundation.database.connections import for_asyncpg, url_of
from foundation.identity.challenges import ProofReplayed, ProofTooOld, SessionEnded
from foundation.identity.principal import VerifiedSession
from foundation.identity.proofs import Proof
from foundation.identity.revocation import Admission, SessionEnd, admit, note_end, note_first_use
from foundation.settings import DatabaseSettings
from tests.conftest import Database
from tests.identity import world


async def pool_of(settings: DatabaseSettings) -> asyncpg.Pool:
    return await asyncpg.create_pool(
        **for_asyncpg(settings),
        min_size=1,
        max_size=2,
    )


@pytest.fixture
async def app(database: Database) -> AsyncIterator[asyncpg.Pool]:
    """backend_app, which began to remember proofs an hour ago."""
    owner = await pool_of(database.settings(database.superuser))
    await owner.execute("INSERT INTO identity.proof_epoch (since) VALUES (now() - interval '1 hour')")
    await owner.close()
    pool = await pool_of(database.settings("backend_app"))
    yield pool
    await pool.close()


@pytest.fixture
async def directory(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await pool_of(database.settings("backend_directory"))
    yield pool
    await pool.close()


@pytest.fixture
async def superuser(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await pool_of(database.settings(database.superuser))
    yield pool
    await pool.close()


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(url_of(database.settings("backend_app"), "asyncpg"))
    yield engine
    await engine.dispose()


@pytest.fixture
async def session() -> VerifiedSession:
    return await world.verifier().verify(world.official_token(), world.NOW)


def fresh(number: int = 1) -> Proof:
    return Proof(jti=f"proof-{number}", issued_at=world.NOW)


def end(session: VerifiedSession, **changes: Any) -> SessionEnd:
    whole = SessionEnd(
        event_id="event-1",
        iss=session.iss,
        sid=session.sid,
        sub=session.sub,
        ended_at=session.auth_time + timedelta(seconds=1),
        cause="LOGOUT",
    )
    return replace(whole, **changes)


async def test_new_proof_of_a_living_session_is_let_in_as_unseen(
    app: asyncpg.Pool, session: VerifiedSession
) -> None:
    assert await admit(app, session, fresh()) is Admission.UNSEEN


async def test_proof_used_twice_is_refused(app: asyncpg.Pool, session: VerifiedSession) -> None:
    await admit(app, session, fresh())
    with pytest.raises(ProofReplayed) as caught:
        await admit(app, session, fresh())
    assert (caught.value.code, caught.value.www_authenticate) == (
        "identity.proof_replayed",
        'DPoP error="invalid_dpop_proof", error_description="jti has been used", algs="ES256"',
    )


async def test_same_jti_of_another_key_is_let_in(app: asyncpg.Pool, session: VerifiedSession) -> None:
    await admit(app, session, fresh())
    other = replace(session, jkt=world.THIEF.thumbprint())
    assert await admit(app, other, fresh()) is Admission.UNSEEN


async def test_proof_made_before_the_memory_began_is_refused(
    app: asyncpg.Pool, superuser: asyncpg.Pool, session: VerifiedSession
) -> None:
    # What a crash does to UNLOGGED tables.
    await superuser.execute("TRUNCATE identity.proof_epoch, identity.proof_replay")
    old = Proof(jti="proof-1", issued_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(ProofTooOld) as caught:
        await admit(app, session, old)
    assert caught.value.code == "identity.proof_too_old"


async def test_used_proof_stays_refused_after_a_crash(
    app: asyncpg.Pool, superuser: asyncpg.Pool, session: VerifiedSession
) -> None:
    used = Proof(jti="proof-1", issued_at=datetime.now(UTC) - timedelta(seconds=1))
    await admit(app, session, used)
    await superuser.execute("TRUNCATE identity.proof_epoch, identity.proof_replay")
    with pytest.raises(ProofTooOld):
        await admit(app, session, used)


async def test_first_use_is_noted_once(
    app: asyncpg.Pool, engine: AsyncEngine, session: VerifiedSession
) -> None:
    async with engine.begin() as connection:
        first = await note_first_use(connection, session)
    async with engine.begin() as connection:
        second = await note_first_use(connection, session)
    assert (first, second) == (True, False)


async def test_session_whose_first_use_is_noted_is_seen(
    app: asyncpg.Pool, engine: AsyncEngine, session: VerifiedSession
) -> None:
    async with engine.begin() as connection:
        await note_first_use(connection, session)
    assert await admit(app, session, fresh()) is Admission.DUE


async def test_first_use_that_was_rolled_back_is_not_noted(
    app: asyncpg.Pool, engine: AsyncEngine, session: VerifiedSession
) -> None:
    async with engine.connect() as connection:
        await note_first_use(connection, session)
        await connection.rollback()
    assert await admit(app, session, fresh()) is Admission.UNSEEN


async def test_ended_session_is_refused(
    app: asyncpg.Pool, directory: asyncpg.Pool, session: VerifiedSession
) -> None:
    await note_end(directory, end(session))
    with pytest.raises(SessionEnded) as caught:
        await admit(app, session, fresh())
    assert (caught.value.code, caught.value.www_authenticate) == (
        "identity.session_ended",
        'DPoP error="invalid_token", error_description="the session has ended", algs="ES256"',
    )


async def test_ended_session_stays_dead_after_a_later_sign_in_within_it(
    app: asyncpg.Pool, directory: asyncpg.Pool, session: VerifiedSession
) -> None:
    await note_end(directory, end(session))
    later = replace(session, auth_time=session.auth_time + timedelta(minutes=5))
    with pytest.raises(SessionEnded):
        await admit(app, later, fresh())


async def test_other_session_of_the_same_person_lives_on(
    app: asyncpg.Pool, directory: asyncpg.Pool, session: VerifiedSession
) -> None:
    await note_end(directory, end(session))
    assert await admit(app, replace(session, sid="another"), fresh()) is Admission.UNSEEN


async def test_end_of_a_person_ends_sessions_begun_before(
    app: asyncpg.Pool, directory: asyncpg.Pool, session: VerifiedSession
) -> None:
    await note_end(directory, end(session, sid=None))
    with pytest.raises(SessionEnded):
        await admit(app, session, fresh())


async def test_end_of_a_person_leaves_sessions_begun_after(
    app: asyncpg.Pool, directory: asyncpg.Pool, session: VerifiedSession
) -> None:
    await note_end(directory, end(session, sid=None))
    later = replace(session, sid="later", auth_time=session.auth_time + timedelta(seconds=2))
    assert await admit(app, later, fresh()) is Admission.UNSEEN


async def test_step_up_does_not_revive_a_session_that_ended_with_its_person(
    app: asyncpg.Pool, directory: asyncpg.Pool, engine: AsyncEngine, session: VerifiedSession
) -> None:
    async with engine.begin() as connection:
        await note_first_use(connection, session)
    await note_end(directory, end(session, sid=None))
    stepped_up = replace(session, auth_time=session.auth_time + timedelta(minutes=5))
    with pytest.raises(SessionEnded):
        await admit(app, stepped_up, fresh())


async def test_end_of_a_realm_ends_all_its_sessions(
    app: asyncpg.Pool, directory: asyncpg.Pool, session: VerifiedSession
) -> None:
    await note_end(directory, end(session, sid=None, sub=None))
    with pytest.raises(SessionEnded):
        await admit(app, session, fresh())


async def test_end_in_one_realm_does_not_reach_the_other(
    app: asyncpg.Pool, directory: asyncpg.Pool, session: VerifiedSession
) -> None:
    await note_end(directory, end(session, sid=None, sub=None, iss=world.CITIZENS))
    assert await admit(app, session, fresh()) is Admission.UNSEEN


async def test_end_that_is_told_twice_is_noted_once(
    directory: asyncpg.Pool, superuser: asyncpg.Pool, session: VerifiedSession
) -> None:
    await note_end(directory, end(session))
    await note_end(directory, end(session))
    assert await superuser.fetchval("SELECT count(*) FROM identity.session_end") == 1


async def test_sweep_forgets_used_proofs_after_150_seconds(
    app: asyncpg.Pool, superuser: asyncpg.Pool, session: VerifiedSession
) -> None:
    await admit(app, session, fresh(1))
    await superuser.execute("UPDATE identity.proof_replay SET seen_at = now() - interval '151 seconds'")
    await admit(app, session, fresh(2))
    await app.execute("SELECT identity.sweep()")
    kept = await superuser.fetchval("SELECT string_agg(jti, ',') FROM identity.proof_replay")
    assert kept == "proof-2"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM identity.session_end",
        "DELETE FROM identity.session_end",
        "UPDATE identity.session_end SET ended_at = 'infinity'",
        "SELECT * FROM identity.session_seen",
        "DELETE FROM identity.proof_replay",
        "DELETE FROM identity.proof_epoch",
        "INSERT INTO identity.proof_epoch (since) VALUES ('-infinity')",
        "SELECT * FROM identity.event_cursor",
    ],
)
async def test_app_can_not_look_at_or_undo_what_is_remembered(app: asyncpg.Pool, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM identity.session_end",
        "DELETE FROM identity.session_end",
        "SELECT identity.sweep()",
        "DELETE FROM identity.event_cursor",
        "INSERT INTO identity.session_seen (iss, sid, sub, started_at) VALUES ('i', 's', 'p', now())",
    ],
)
async def test_directory_can_only_note_ends_and_move_its_cursor(
    directory: asyncpg.Pool, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await directory.execute(statement)
