"""Status changes go back to the channel that the report came from, over real TLS, once each in the end."""

import secrets
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend.channels.deliveries import PAUSES, DeliveryService
from foundation.clock import FrozenClock
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from stack import certificates
from tests.backend.channels.far_end import FarEnd
from tests.backend.channels.rig import Channels
from tests.backend.world import POLICIES, World, change_ids, key


@dataclass
class Back:
    """A channel with a far end, and what sends to it."""

    channels: Channels
    world: World
    far: FarEnd
    service: DeliveryService
    clock: FrozenClock

    async def changed(self) -> str:
        """A report of the hotline that its ward has taken up; announced. Its code."""
        answer = await self.channels.send("back", secrets.token_hex(8))
        code: str = answer.json()["report"]["code"]
        await self.world.reports.accept(await self.world.official("minh"), code, 1, key())
        settings = self.channels.test_database.settings(self.channels.test_database.superuser)
        for change in change_ids(settings):
            await self.service.announce(self.world.system(), change)
        return code

    def states(self) -> list[tuple[str, int, str | None]]:
        """(state, attempts, fault) of what was announced."""
        return self.channels.rows("SELECT state, attempts, fault FROM channels.delivery ORDER BY id")


@pytest.fixture
async def back(channels: Channels, world: World, tmp_path: Path) -> AsyncIterator[Back]:
    """The channel "back", whose far end answers."""
    made = certificates.ensure(tmp_path / "tls")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.api.certificate, made.api.key)
    far = FarEnd(secrets.token_bytes(32), context)
    await far.open()
    channels.make("back", url=far.url)
    with channels.superuser() as connection:
        connection.execute("DELETE FROM channels.key WHERE channel = 'back' AND purpose = 'out'")
    channels.add_key("back", far.secret, purpose="out")
    # The far end's library reads the wall clock.
    clock = FrozenClock(datetime.now(UTC))
    service = _service(world, channels, clock, made.authority)
    yield Back(channels, world, far, service, clock)
    await service.close()
    await far.close()


def _service(
    world: World, channels: Channels, clock: FrozenClock, authority: Path, *, private: bool = True
) -> DeliveryService:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    return DeliveryService(
        database=world.worker_database,
        policy=PolicyEngine.load(POLICIES),
        seal=channels.seal,
        resolve=resolve,
        private_addresses=private,
        tls=ssl.create_default_context(cafile=authority),
        clock=clock,
        new_id=new_uuid,
    )


async def test_change_arrives_signed_at_the_channel_it_came_from(back: Back) -> None:
    code = await back.changed()
    assert await back.service.run("back") == 1
    assert back.far.signature_faults == []
    (said,) = back.far.got
    assert (said["type"], said["data"]["code"], said["data"]["state"], said["data"]["version"]) == (
        "report.status_changed",
        code,
        "in_progress",
        2,
    )
    assert back.states() == [("sent", 1, None)]


async def test_change_announced_twice_is_sent_once(back: Back) -> None:
    await back.changed()
    await back.service.run("back")
    settings = back.channels.test_database.settings(back.channels.test_database.superuser)
    for change in change_ids(settings):
        await back.service.announce(back.world.system(), change)
    assert await back.service.run("back") == 0
    assert back.far.calls == 1


async def test_other_channel_hears_nothing(back: Back) -> None:
    await back.changed()
    assert back.channels.rows("SELECT DISTINCT channel FROM channels.delivery") == [("back",)]


async def test_failing_far_end_is_tried_again_after_a_pause_with_the_same_id(back: Back) -> None:
    back.far.statuses = [503]
    await back.changed()
    assert await back.service.run("back") == 1
    assert back.states() == [("waiting", 1, "http_503")]
    assert await back.service.run("back") == 0
    back.clock.advance(timedelta(seconds=PAUSES[0]))
    assert await back.service.run("back") == 1
    assert back.states() == [("sent", 2, None)]


async def test_lost_answer_is_sent_again_under_the_same_id(back: Back) -> None:
    await back.changed()
    await back.service.run("back")
    with back.channels.superuser() as connection:
        connection.execute("UPDATE channels.delivery SET state = 'waiting', next_at = now() - interval '1 h'")
    await back.service.run("back")
    assert len(back.far.ids) == 2
    assert len(set(back.far.ids)) == 1


async def test_retry_after_is_kept(back: Back) -> None:
    back.far.statuses, back.far.headers = [429], "retry-after: 900\r\n"
    await back.changed()
    await back.service.run("back")
    back.clock.advance(timedelta(seconds=890))
    assert await back.service.run("back") == 0


async def test_refused_for_good_is_dead_at_once_and_told(back: Back) -> None:
    back.far.statuses = [410]
    await back.changed()
    await back.service.run("back")
    assert back.states() == [("dead", 1, "http_410")]
    assert back.channels.rows(
        "SELECT line::jsonb ->> 'status_code' FROM audit.event"
        " WHERE line::jsonb #>> '{unmapped,action}' = 'channel.deliver'"
    ) == [("channels.not_delivered",)]


async def test_redirect_is_not_followed(back: Back) -> None:
    back.far.statuses, back.far.headers = [302], f"location: {back.far.url}\r\n"
    await back.changed()
    await back.service.run("back")
    assert back.states() == [("dead", 1, "http_302")]
    assert back.far.calls == 1


async def test_silent_far_end_is_given_up_after_the_last_pause(back: Back) -> None:
    await back.far.close()
    await back.changed()
    for _ in range(len(PAUSES) + 1):
        await back.service.run("back")
        back.clock.advance(timedelta(days=1))
    assert back.states() == [("dead", len(PAUSES) + 1, "unreachable")]


async def test_private_address_is_not_called(back: Back, tmp_path: Path) -> None:
    with back.channels.superuser() as connection:
        connection.execute("UPDATE channels.channel SET callback_url = 'https://hooks.example.vn/x'")
    await back.changed()
    authority = certificates.ensure(tmp_path / "tls").authority
    strict = _service(back.world, back.channels, back.clock, authority, private=False)
    await strict.run("back")
    await strict.close()
    assert back.states() == [("dead", 1, "private_address")]
    assert back.far.calls == 0


async def test_suspended_channel_gets_nothing_until_it_is_heard_again(back: Back) -> None:
    await back.changed()
    with back.channels.superuser() as connection:
        connection.execute("UPDATE channels.channel SET state = 'suspended' WHERE code = 'back'")
    assert await back.service.run("back") == 0
    with back.channels.superuser() as connection:
        connection.execute("UPDATE channels.channel SET state = 'active' WHERE code = 'back'")
    assert await back.service.run("back") == 1
