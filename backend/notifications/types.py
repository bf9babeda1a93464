"""Notifications (thông báo) in the app's inbox."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class InboxItem:
    """That something happened: `resource` is "report:<code>", `kind` such as "report.accepted"."""

    kind: str
    resource: str
    version: int
    at: datetime
