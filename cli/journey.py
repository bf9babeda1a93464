"""What the demo is told with: people who ask, claims that must hold, and the lines that the SOC received."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape

from audit.check import check_file
from cli.client import Endpoints, IocClient, Person, https_client
from cli.drawing import show

OPERATIONS = Path(__file__).parent.parent / "mobile_contract" / "operations"
PATIENCE_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.2
_METER_WIDTH = 40

Answer = dict[str, Any]


class ClaimFailed(Exception):
    """A step came out other than it was told."""


class Journey:
    """One telling of the demo on a running stack."""

    def __init__(self, home: Path, endpoints: Endpoints, soc_file: Path, console: Console) -> None:
        self.home = home
        self.endpoints = endpoints
        self._soc_file = soc_file
        self._console = console
        self._people: dict[str, Person] = {}
        self._clients: dict[str, IocClient] = {}
        self._exits = AsyncExitStack()
        self._chapter = 0
        # Lines of earlier demos prove nothing.
        self._begins = soc_file.stat().st_size if soc_file.exists() else 0
        self.claims = 0

    async def __aenter__(self) -> "Journey":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._chapter += 1
        self._console.print(f"\n[bold]{self._chapter}. {escape(title)}[/bold]")

    def tell(self, who: str, what: str) -> None:
        """Who does what."""
        self._console.print(f"   [cyan]{escape(who):<22}[/cyan] {escape(what)}", soft_wrap=True)

    def claim(self, told: str, *, holds: bool, seen: object) -> None:
        """`told` is shown as true. Raises ClaimFailed with what was seen when it isn't."""
        if not holds:
            raise ClaimFailed(f"{told}\nseen: {json.dumps(seen, ensure_ascii=False, default=str)[:2000]}")
        self.claims += 1
        self._console.print(f"   [green]✓[/green] {escape(told)}", soft_wrap=True)

    async def sign_in(self, name: str, *, fresh: bool = False) -> IocClient:
        """A person on a device, through the real sign-in; `fresh` does not take up an earlier session."""
        if name not in self._clients:
            person = self._people.get(name) or Person.from_home(self.home, name)
            remember = not fresh and name not in self._people
            client = IocClient(self.home, person, self.endpoints, remember=remember, language="vi")
            self._clients[name] = await self._exits.enter_async_context(client)
        return self._clients[name]

    def welcome(self, name: str, person: Person) -> None:
        """Somebody whom the demo itself brought in; forgotten at its end."""
        self._people[name] = person

    def picture(self, octets: bytes) -> None:
        """Show a picture, where the terminal can."""
        show(self._console, octets)

    def keep(self, name: str, octets: bytes) -> Path:
        """A picture as a file of the person who plays the demo."""
        folder = self.home / "demo"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / name).write_bytes(octets)
        return folder / name

    def meter(self, amount: float, limit: float, unit: str = "s") -> None:
        """How much of a limit was used, or is left, as a bar."""
        used = min(_METER_WIDTH, max(1, round(_METER_WIDTH * amount / limit)))
        bar = f"[green]{'█' * used}[/green][dim]{'░' * (_METER_WIDTH - used)}[/dim]"
        self._console.print(f"     0 {unit} {bar} {limit:g} {unit}")

    def bar(self, name: str, number: int, most: int) -> None:
        """A number beside others, as a bar; `most` fills it."""
        drawn = "█" * (round(_METER_WIDTH * number / most) if most else 0)
        self._console.print(f"     {escape(name):<16} [green]{drawn}[/green] {number}")

    async def ask(self, name: str, operation: str, /, **variables: Any) -> Answer:
        """Run a document of the contract as a person; the root field's value."""
        client = await self.sign_in(name)
        return self._value(await client.graphql(document(operation), variables))

    async def ask_list(self, name: str, operation: str, /, **variables: Any) -> list[Answer]:
        """As `ask`, where the root field is a list."""
        client = await self.sign_in(name)
        (value,) = _data(await client.graphql(document(operation), variables)).values()
        found: list[Answer] = value
        return found

    async def change(self, name: str, operation: str, /, **given: Any) -> Answer:
        """Run a mutation of the contract with a new idempotency key."""
        return await self.ask(name, operation, input={**given, "idempotencyKey": secrets.token_hex(16)})

    async def change_signed(self, name: str, operation: str, /, **given: Any) -> Answer:
        """As `change`, with a proof by the device over the very request: what people's accounts need."""
        client = await self.sign_in(name)
        variables = {"input": {**given, "idempotencyKey": secrets.token_hex(16)}}
        return self._value(await client.graphql_signed(document(operation), variables))

    async def upload(self, name: str, report: str, octets: bytes) -> httpx.Response:
        """Add a photo to a person's report."""
        client = await self.sign_in(name)
        headers = [
            *await client.headers("POST", "/media"),
            ("Idempotency-Key", secrets.token_hex(16)),
            ("Content-Type", "image/jpeg"),
        ]
        return await client.raw("POST", "/media", headers=headers, params={"report": report}, content=octets)

    async def fetch(self, name: str | None, media_id: str) -> httpx.Response:
        """A photo as a person gets it, or as nobody in particular."""
        if name is not None:
            return await (await self.sign_in(name)).raw("GET", f"/media/{media_id}")
        async with https_client(self.endpoints.ca_file) as client:
            return await client.get(f"{self.endpoints.api_url}/media/{media_id}")

    async def ask_anonymously(self, operation: str, /, **variables: Any) -> Answer:
        """Run a public document without a token."""
        async with https_client(self.endpoints.ca_file) as client:
            body = {"query": document(operation), "variables": variables}
            return self._value((await client.post(f"{self.endpoints.api_url}/graphql", json=body)).json())

    async def until(self, look: Callable[[], Any]) -> Any:
        """What `look` (a coroutine function) returns, asked again until it is not empty or patience ends."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = await look()
            if found or time.monotonic() > ends:
                return found
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def soc_received(self, action: str, decision: str, resource: str | None = None) -> None:
        """Claim that the SOC's file holds such a line, and show it."""

        async def look() -> Answer | None:
            return next((line for line in self._lines() if _matches(line, action, decision, resource)), None)

        line = await self.until(look)
        self.claim(f"the SOC received {action} = {decision}", holds=line is not None, seen=action)
        # A line stays a line, however narrow the window: wrapped, it is read by nobody.
        self._console.print(f"     [dim]{escape(_short(line))}[/dim]", soft_wrap=True)

    def check_log(self) -> None:
        """Claim that what the SOC received has no gap and no conflict."""
        findings = check_file(self._soc_file)
        findings.require_complete()
        logs = ", ".join(f"{name}: {log.size} lines" for name, log in findings.logs.items())
        self.claim(f"the SOC's file has no gap and no conflict ({logs})", holds=bool(logs), seen=logs)

    def end(self, code: str) -> None:
        """All is told."""
        held = f"\n[bold green]All {self.claims} claims hold.[/bold green]"
        self._console.print(f"{held} Report {code}.")

    def _lines(self) -> list[Answer]:
        # The last line may still be on its way to the disk.
        lines = self._soc_file.read_bytes()[self._begins :].split(b"\n")[:-1]
        return [json.loads(line) for line in lines]

    @staticmethod
    def _value(answer: Answer) -> Answer:
        (value,) = _data(answer).values()
        if not isinstance(value, dict):
            raise ClaimFailed("the api answered nothing")
        return value


def _data(answer: Answer) -> Answer:
    if answer.get("errors"):
        raise ClaimFailed(f"the api answered {json.dumps(answer['errors'], ensure_ascii=False)[:2000]}")
    data: Answer = answer["data"]
    return data


def document(operation: str) -> str:
    """An operation of the contract."""
    return (OPERATIONS / f"{operation}.graphql").read_text(encoding="utf-8")


def _matches(line: Answer, action: str, decision: str, resource: str | None) -> bool:
    own = line.get("unmapped", {})
    return (
        own.get("action") == action
        and own.get("decision") == decision
        and (resource is None or own.get("resource") == resource)
    )


def _short(line: Answer) -> str:
    """The line as a person reads it: sequence, class, pseudonym, what, where, by which policy."""
    own = line["unmapped"]
    user = line.get("user") or line.get("actor", {}).get("user") or {}
    shown = {
        "sequence": line["metadata"]["sequence"],
        "class_uid": line["class_uid"],
        "user": user.get("uid", "-"),
        "network": line.get("src_endpoint", {}).get("ip", "-"),
        "action": own["action"],
        "resource": own.get("resource", "-"),
        "unit": own.get("unit", "-"),
        "decision": own["decision"],
        "policies": ",".join(own.get("policies", [])) or "-",
    }
    return " ".join(f"{name}={value}" for name, value in shown.items())
