"""Following changes: first what happened since a position, then what happens."""

from collections.abc import AsyncGenerator

from backend.changes.errors import SessionOver
from backend.changes.hub import Hub, Subscriber
from backend.changes.queries import ChangeQueries
from backend.changes.types import Change, ChangePage, ChangePosition
from foundation.paging import MAX_PAGE


class FeedService:
    """What the api offers of the feed."""

    def __init__(self, queries: ChangeQueries, hub: Hub) -> None:
        self._queries = queries
        self._hub = hub

    async def since(self, principal: Subscriber, after: ChangePosition | None, first: int) -> ChangePage:
        """One page; see ChangeQueries.since."""
        return await self._queries.since(principal, after, first)

    async def ended(self, principal: Subscriber) -> type[SessionOver]:
        """Return when session or token is over, as soon as this process is told: which of the two."""
        return await self._hub.ended(principal.session)

    async def moved(self) -> None:
        """Return when this process is about to end and who follows is to go to another one."""
        await self._hub.moved()

    async def follow(
        self, principal: Subscriber, after: ChangePosition | None
    ) -> AsyncGenerator[Change, None]:
        """Every change after a position (None: from now on) in strictly rising order, without end.

        Raises TooSlow when the reader does not keep up and SessionOver when its session ends; both mean:
        begin again after the last change that was read.
        """
        async with self._hub.subscribed(principal) as subscription:
            # Live changes queue up meanwhile, so that none falls between the replay and them.
            last = after
            while last is not None:
                page = await self._queries.since(principal, last, MAX_PAGE)
                for change in page.items:
                    # A reader who takes his time must not go on reading when his session is over.
                    if subscription.over is not None and issubclass(subscription.over, SessionOver):
                        raise subscription.over
                    last = change.position
                    yield change
                if not page.has_more:
                    break
            while True:
                change = await subscription.next()
                if last is None or change.position > last:
                    last = change.position
                    yield change
