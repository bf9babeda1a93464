"""Jobs of privacy. Payloads are ids; running one again changes nothing."""

from uuid import UUID

import procrastinate

from backend.privacy.desk import FOLLOW
from backend.privacy.following import PrivacyFollowing
from backend.privacy.retention import Retention
from foundation.database.retries import RETRY

REMIND, ERASE, APPLY = "privacy.remind", "privacy.erase", "privacy.apply_retention"


def register(app: procrastinate.App, following: PrivacyFollowing, retention: Retention) -> None:
    """Let the worker run them: reminders and deletions each quarter of an hour, the rules each night."""

    @app.task(name=FOLLOW, retry=RETRY)
    async def follow(request_id: str) -> None:
        await following.follow(UUID(request_id))

    @app.periodic(cron="*/15 * * * *")
    @app.task(name=REMIND, queueing_lock=REMIND)
    async def remind(timestamp: int) -> None:
        await following.remind()

    @app.periodic(cron="3-59/15 * * * *")
    @app.task(name=ERASE, queueing_lock=ERASE)
    async def erase(timestamp: int) -> None:
        await retention.erase()

    @app.periodic(cron="33 19 * * *")  # 02:33 in Ha Noi: the queue reckons in UTC
    @app.task(name=APPLY, queueing_lock=APPLY)
    async def apply(timestamp: int) -> None:
        await retention.apply()
