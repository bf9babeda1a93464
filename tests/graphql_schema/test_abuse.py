"""Blocked senders through GraphQL."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.abuse import errors
from backend.abuse.types import Block, BlockChanged, Reason
from foundation.errors import Refusal
from foundation.paging import Page, Position
from tests.graphql_schema.conftest import IDEMPOTENCY_KEY, OPERATIONS, Api, make_api
from tests.graphql_schema.fakes import CODE, HOAN_KIEM, NOW, ROW_ID

BLOCK = Block(CODE, CODE, HOAN_KIEM, "insult", NOW, NOW, "Xúc phạm.", "Không phải tôi.", NOW)
BLOCKING = {"code": CODE, "reason": "insult", "note": "Xúc phạm.", "days": 30}
APPEALING = {"block": CODE, "text": "Không phải tôi."}
DECIDING = {"block": CODE, "lift": True, "text": "Đúng là nhầm."}


@dataclass
class Shown:
    """One block, or a refusal."""

    calls: list[Any] = field(default_factory=list)
    refusal: Refusal | None = None

    async def reasons(self, principal: Any) -> tuple[Reason, ...]:
        return (Reason("insult", "Xúc phạm", "Insults"),)

    async def mine(self, principal: Any) -> tuple[Block, ...]:
        return (BLOCK,)

    async def listed(self, principal: Any, page: Any, *, waiting: bool = False) -> Page[Block]:
        self.calls.append((page.first, waiting))
        return Page((BLOCK,), (Position(NOW, ROW_ID),), has_next=False)

    async def block(self, principal: Any, *given: Any) -> BlockChanged:
        return self._done(given)

    async def appeal(self, principal: Any, *given: Any) -> BlockChanged:
        return self._done(given)

    async def decide(self, principal: Any, *given: Any) -> BlockChanged:
        return self._done(given)

    def _done(self, given: tuple[Any, ...]) -> BlockChanged:
        self.calls.append(given[:-1])
        if self.refusal is not None:
            raise self.refusal
        return BlockChanged(CODE)


@pytest.fixture
def blocks() -> Shown:
    return Shown()


@pytest.fixture
def door(blocks: Shown) -> Iterator[Api]:
    api = make_api(blocks=blocks)
    with api.client:
        yield api


def given(fields: dict[str, Any]) -> dict[str, Any]:
    return {"input": {**fields, "idempotencyKey": IDEMPOTENCY_KEY}}


def test_own_blocks_are_shown_with_all_that_the_app_asks(door: Api) -> None:
    (block,) = door.run("MyBlocks")["myBlocks"]
    assert (block["reportCode"], block["note"], block["lifted"]) == (CODE, "Xúc phạm.", None)


def test_reasons_are_for_everybody(door: Api) -> None:
    assert door.run("BlockReasons", who=None)["blockReasons"] == [{"code": "insult", "name": "Insults"}]


def test_operator_sees_what_waits(door: Api, blocks: Shown) -> None:
    edges = door.run("SenderBlocks", {"waiting": True}, who="minh")["senderBlocks"]["edges"]
    assert ([edge["node"]["code"] for edge in edges], blocks.calls) == ([CODE], [(20, True)])


@pytest.mark.parametrize(
    ("name", "fields", "who", "called"),
    [
        ("BlockSender", BLOCKING, "minh", (CODE, "insult", "Xúc phạm.", 30)),
        ("AppealBlock", APPEALING, "lan", (CODE, "Không phải tôi.")),
        ("DecideBlock", DECIDING, "minh", (CODE, True, "Đúng là nhầm.")),
    ],
)
def test_step_is_taken(
    door: Api, blocks: Shown, name: str, fields: dict[str, Any], who: str, called: tuple[Any, ...]
) -> None:
    (payload,) = door.run(name, given(fields), who=who).values()
    assert (payload["block"], blocks.calls) == (CODE, [called])


@pytest.mark.parametrize(
    ("name", "fields", "who", "refusal"),
    [
        ("BlockSender", BLOCKING, "minh", errors.NoSender()),
        ("BlockSender", BLOCKING, "minh", errors.BlockedBefore()),
        ("AppealBlock", APPEALING, "lan", errors.AppealedBefore()),
        ("AppealBlock", APPEALING, "lan", errors.BlockOver()),
        ("DecideBlock", DECIDING, "minh", errors.OwnBlock()),
        ("DecideBlock", DECIDING, "minh", errors.NoAppeal()),
        ("DecideBlock", DECIDING, "minh", errors.BlockOver()),
    ],
)
def test_refusal_is_a_problem(
    door: Api, blocks: Shown, name: str, fields: dict[str, Any], who: str, refusal: Refusal
) -> None:
    blocks.refusal = refusal
    (payload,) = door.run(name, given(fields), who=who).values()
    assert payload["code"] == refusal.code


@pytest.mark.parametrize(
    ("name", "fields", "who"),
    [("BlockSender", BLOCKING, "lan"), ("AppealBlock", APPEALING, "minh"), ("DecideBlock", DECIDING, "lan")],
)
def test_step_of_the_other_side_is_nobodys(
    door: Api, blocks: Shown, name: str, fields: dict[str, Any], who: str
) -> None:
    document = (OPERATIONS / f"{name}.graphql").read_text(encoding="utf-8")
    answer = door.post(document, given(fields), who=who)
    assert (blocks.calls, '"block":' in answer.text) == ([], False)
