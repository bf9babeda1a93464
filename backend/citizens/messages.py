"""Messages by SMS: texts, and the outbox that a job empties.

The text and the number lie sealed in a row, the job carries the row's id: a payload of the queue is read by
whoever runs it. Sending in the request itself would lose the message with the process, and a slow gateway
would hold the api's connections.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import text

from foundation.database.jobs import enqueue
from foundation.database.unit_of_work import UnitOfWork
from foundation.ids import NewId
from foundation.phones import Phone, PhoneSeal

SEND = "citizens.send_sms"
PURPOSE = "message"
NOTICES_LIVE = timedelta(hours=12)
"""A notice that comes later than this frightens more than it tells."""

_ADD = text(
    """
    INSERT INTO citizens.message (id, template, sealed, created_at, expires_at)
    VALUES (:id, :template, :sealed, :now, :expires_at) ON CONFLICT DO NOTHING
    """
)


class Template(StrEnum):
    """What is said. Both languages in one message: nobody knows which the owner of a number reads."""

    CODE = "code"
    CODE_TAKEN = "code_taken"
    CHANGED = "changed"
    RECOVERY_CODE = "recovery_code"
    RECOVERED = "recovered"


# Without diacritics: a message is then 160 characters, not 70. No link: people must not learn to follow one.
TEXTS = {
    Template.CODE: "iHanoi: {code} la ma xac minh so dien thoai, dung trong 5 phut. Khong dua ma cho"
    " bat ky ai. / Your code, good for 5 minutes. Give it to nobody.",
    Template.CODE_TAKEN: "iHanoi: so nay dang thuoc mot tai khoan khac. {code} la ma de chuyen so sau {days}"
    " ngay. Neu khong phai ban yeu cau, dung dua ma cho ai. / This number belongs to another account. The"
    " code moves it in {days} days. If you did not ask, give it to nobody.",
    Template.CHANGED: "iHanoi: tai khoan cua ban da doi sang so dien thoai khac. Neu khong phai ban, hay den"
    " phuong, xa noi o. / Your account now has another number. If that was not you, please go to your ward.",
    Template.RECOVERY_CODE: "iHanoi: {code} la ma khoi phuc tai khoan tai quay tiep dan, dung trong 10 phut."
    " Neu ban khong o quay, dung dua ma cho ai. / Code to recover your account at the desk. If you are not"
    " there, give it to nobody.",
    Template.RECOVERED: "iHanoi: tai khoan vua duoc khoi phuc tai phuong, xa. Nua sau mat khau tam: {half}."
    " Neu khong phai ban, goi 1022. / Recovered at a ward. Second half of the password: {half}. If that was"
    " not you, call 1022.",
}


class Letter(msgspec.Struct, frozen=True):
    """What lies sealed in a row."""

    to: str
    text: str


class Outbox:
    """Puts messages down, in the transaction of their cause."""

    def __init__(self, seal: PhoneSeal, new_id: NewId) -> None:
        self._seal = seal
        self._new_id = new_id

    async def add(
        self,
        work: UnitOfWork,
        to: Phone,
        template: Template,
        now: datetime,
        life: timedelta = NOTICES_LIVE,
        once: UUID | None = None,
        **values: str | int,
    ) -> None:
        """Put one down and enqueue its job; of one `once` there is one. `values` fill the template."""
        message_id = self._new_id() if once is None else once
        letter = msgspec.json.encode(Letter(to.e164, TEXTS[template].format(**values))).decode()
        row = {
            "id": message_id,
            "template": template,
            "sealed": self._seal.seal(letter, PURPOSE, message_id),
            "now": now,
            "expires_at": now + life,
        }
        await work.connection.execute(_ADD, row)
        await enqueue(work, SEND, message=message_id)
