"""The gateway away, overloaded, slow, its acknowledgement lost; what is too old."""

from datetime import timedelta

import pytest

from backend.citizens import upkeep
from backend.citizens.sms import SmsUnavailable
from cli.sms import messages, read
from tests.backend.citizens.rig import LAN, Bureau
from tests.backend.world import key


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt of a test comes at once."""
    monkeypatch.setattr(upkeep, "REST_SECONDS", 0.0)


async def waiting(bureau: Bureau) -> None:
    """One message."""
    await bureau.citizens.phones.start(await bureau.person(), LAN, key())


def trouble(bureau: Bureau, kind: str) -> None:
    (bureau.folder / "trouble").write_text(kind)


async def test_message_is_sent_once_and_forgotten_here(bureau: Bureau) -> None:
    await waiting(bureau)
    (letter,), (message,) = bureau.letters(), bureau.message_ids()
    await bureau.upkeep.send_sms(message)
    await bureau.upkeep.send_sms(message)
    (sent,) = [read(file) for file in messages(bureau.folder)]
    assert sent == {"to": LAN, "from": "iHaNoi", "text": letter.text, "reference": str(message)}
    assert bureau.letters() == []
    assert bureau.events().count("sms.send=allow") == 1


@pytest.mark.parametrize("kind", ["429", "503", "slow", "lost"])
async def test_gateway_in_trouble_is_asked_again_and_the_message_goes_once(bureau: Bureau, kind: str) -> None:
    await waiting(bureau)
    (message,) = bureau.message_ids()
    trouble(bureau, kind)
    with pytest.raises(SmsUnavailable):
        await bureau.upkeep.send_sms(message)
    assert len(bureau.letters()) == 1
    trouble(bureau, "")
    await bureau.upkeep.send_sms(message)
    assert len(messages(bureau.folder)) == 1
    assert bureau.letters() == []


async def test_gateway_that_failed_is_left_alone_for_a_while(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "REST_SECONDS", 60.0)
    await waiting(bureau)
    (message,) = bureau.message_ids()
    trouble(bureau, "503")
    with pytest.raises(SmsUnavailable, match="503"):
        await bureau.upkeep.send_sms(message)
    trouble(bureau, "")
    with pytest.raises(SmsUnavailable, match="resting"):
        await bureau.upkeep.send_sms(message)
    assert messages(bureau.folder) == []


async def test_message_that_is_too_old_is_not_sent(bureau: Bureau) -> None:
    await waiting(bureau)
    bureau.world.clock.advance(timedelta(minutes=5))
    await bureau.upkeep.send_sms(bureau.message_ids()[0])
    assert messages(bureau.folder) == []
    bureau.world.clock.advance(timedelta(seconds=1))
    assert await bureau.upkeep.sweep() == 2
    assert bureau.letters() == []


async def test_message_that_the_gateway_will_not_send_ends_and_is_told(bureau: Bureau) -> None:
    await waiting(bureau)
    (bureau.folder.parent / "token").write_text("another")
    await bureau.upkeep.send_sms(bureau.message_ids()[0])
    assert (bureau.letters(), messages(bureau.folder)) == ([], [])
    assert "sms.refused=allow" in bureau.events()


async def test_number_stands_in_no_log(bureau: Bureau, capsys: pytest.CaptureFixture[str]) -> None:
    await waiting(bureau)
    trouble(bureau, "429")
    with pytest.raises(SmsUnavailable) as refused:
        await bureau.upkeep.send_sms(bureau.message_ids()[0])
    said = capsys.readouterr()
    assert LAN[3:] not in said.out + said.err + repr(refused.value)
