"""Jobs of privacy. Payloads are ids; running one again changes nothing."""

from uuid import UUID

import procrastinate

from backend.privacy.desk import FOLLOW
from backend.privacy.following import PrivacyFollowing
from foundation.database.retries import RETRY

REMIND = "privacy.remind"


def register(app: procrastinate.App, following: PrivacyFollowing) -> None:
    """Let the worker run them; reminders each quarter of an hour."""

    @app.task(name=FOLLOW, retry=RETRY)
    async def follow(request_id: str) -> None:
        await following.follow(UUID(request_id))

    @app.periodic(cron="*/15 * * * *")
    @app.task(name=REMIND, queueing_lock=REMIND)
    async def remind(timestamp: int) -> None:
        await following.remind()
