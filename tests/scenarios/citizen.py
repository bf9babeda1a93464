"""A citizen who signs up at Keycloak's own pages, sets a second factor up and recovers, as with a browser."""

import asyncio
import base64
import html
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cli.client import IocClient
from cli.login import Form, Person, SignIn
from cli.sms import messages, read
from stack.home import ROOT
from tests.conftest import RunningStack

PATIENCE_SECONDS = 90.0
_CODE = re.compile(r"\b([0-9]{6})\b")


def document(name: str) -> str:
    """A document of the contract."""
    return (ROOT / "mobile_contract" / "operations" / f"{name}.graphql").read_text(encoding="utf-8")


def new_number() -> str:
    """A number that nobody else in the tests has."""
    return f"+8498{secrets.randbelow(10**7):07}"


@dataclass
class Citizen:
    """What the person knows and remembers."""

    person: Person
    email: str
    phone: str
    new_password: str = field(default_factory=lambda: secrets.token_urlsafe(15))


@dataclass(slots=True)
class Browser(SignIn):
    """Answers the pages of signing up, of a new second factor and of a new password too."""

    who: Citizen = field(kw_only=True)

    def fields(self) -> set[str]:
        return {*super(Browser, self).fields(), "password-confirm", "password-new", "totp"}

    async def answers(self, person: Person, form: Form, page: str) -> dict[str, str]:
        if "totpSecret" in form.values:
            secret = base64.b32encode(form.values["totpSecret"].encode("ascii")).decode("ascii")
            self.who.person = replace(self.who.person, totp_secret=secret)
            return {"totp": await self.codes.next(self.who.person), "userLabel": "điện thoại"}
        if "password-new" in form.values:
            self.who.person = replace(self.who.person, password=self.who.new_password)
            return {"password-new": self.who.new_password, "password-confirm": self.who.new_password}
        if "password-confirm" in form.values:
            password = self.who.person.password
            return {
                "username": self.who.person.name,
                "email": self.who.email,
                "firstName": "Thị Ngọc Ánh",
                "lastName": "Nguyễn",
                "phone": self.who.phone,
                "password": password,
                "password-confirm": password,
            }
        return await super(Browser, self).answers(self.who.person, form, page)


class CitizenApp(IocClient):
    """The app of one such person."""

    def __init__(self, stack: RunningStack, who: Citizen) -> None:
        super().__init__(stack.home, who.person, stack.endpoints)
        self.who = who
        self.stack = stack

    def _sign_in(self) -> Browser:
        redirect_uri = f"{self.endpoints.api_url}/app/callback"
        return Browser(self.http, self.issuer, redirect_uri, self.key, self._codes, who=self.who)

    async def sign_up(self) -> None:
        """Through the app's button "Đăng ký"."""
        self.tokens = await self._sign_in().tokens(self.person, prompt="create")
        await self.refresh()

    async def run(self, name: str, **given: Any) -> dict[str, Any]:
        """A mutation's payload."""
        variables = {"input": {**given, "idempotencyKey": secrets.token_hex(16)}}
        answer = await self.graphql(document(name), variables)
        (payload,) = answer["data"].values()
        return dict(payload)

    async def account(self) -> dict[str, Any]:
        """The account as the app shows it, with a fresh token."""
        await self.refresh()
        return dict((await self.graphql(document("Account")))["data"]["account"])

    async def until_standing(self, standing: str) -> dict[str, Any]:
        """The number's view, when it is this."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        phone = (await self.account())["phone"]
        while phone["standing"] != standing and time.monotonic() < deadline:
            await asyncio.sleep(0.3)
            phone = (await self.account())["phone"]
        assert phone["standing"] == standing
        return dict(phone)

    async def prove(self, phone: str, mutation: str = "StartPhoneProof") -> dict[str, Any]:
        """Ask for a code, as soon as one may be sent again, read the message, enter it."""
        before = texts_to(self.stack, phone)
        deadline = time.monotonic() + PATIENCE_SECONDS
        sent = await self.run(mutation, phone=phone)
        while sent["__typename"] == "SendLater" and time.monotonic() < deadline:
            await asyncio.sleep(sent["retryAfterSeconds"])
            sent = await self.run(mutation, phone=phone)
        assert sent["__typename"] == "CodeSent", sent
        text = await text_to(self.stack, phone, len(before))
        return await self.run("ProvePhone", code=code_in(text))


def newcomer() -> Citizen:
    """Somebody who never was here."""
    name = f"dan-{secrets.token_hex(5)}"
    person = Person(name, "ihanoi", secrets.token_urlsafe(15))
    return Citizen(person, f"{name}@example.org", new_number())


def texts_to(stack: RunningStack, phone: str) -> list[str]:
    """Messages to a number, the oldest first."""
    found = [read(file) for file in messages(Path(stack.home) / "sms")]
    return [str(message["text"]) for message in found if message["to"] == phone]


async def text_to(stack: RunningStack, phone: str, number: int = 0) -> str:
    """A message to a number, when it has come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = texts_to(stack, phone)
        if len(found) > number:
            return found[number]
        await asyncio.sleep(0.2)
    raise AssertionError("no message came")


def code_in(text: str) -> str:
    """The code in a message."""
    match = _CODE.search(text)
    assert match is not None
    return match[1]


def unescaped(text: str) -> str:
    """An address as it stands in a page."""
    return html.unescape(text)
