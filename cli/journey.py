"""What the demo is told with: people who ask, claims that must hold, and the lines that the SOC received."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from audit.check import check_file
from cli.client import Endpoints, IocClient, Person, https_client

OPERATIONS = Path(__file__).parent.parent / "mobile_contract" / "operations"
PATIENCE_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.2

Answer = dict[str, Any]


class ClaimFailed(Exception):
    """A step came out other than it was told."""


class Journey:
    """One telling of the demo on a running stack."""

    def __init__(self, home: Path, endpoints: Endpoints, soc_file: Path, console: Console) -> None:
        self._home = home
        self._endpoints = endpoints
        self._soc_file = soc_file
        self._console = console
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
        self._console.print(f"   [cyan]{escape(who):<22}[/cyan] {escape(what)}")

    def claim(self, told: str, *, holds: bool, seen: object) -> None:
        """`told` is shown as true. Raises ClaimFailed with what was seen when it isn't."""
        if not holds:
            raise ClaimFailed(f"{told}\nseen: {json.dumps(seen, ensure_ascii=False, default=str)[:2000]}")
        self.claims += 1
        self._console.print(f"   [green]✓[/green] {escape(told)}")

    async def sign_in(self, name: str, *, fresh: bool = False) -> IocClient:
        """A person on a device, through the real sign-in; `fresh` does not take up an earlier session."""
        if name not in self._clients:
            person = Person.from_home(self._home, name)
            client = IocClient(self._home, person, self._endpoints, remember=not fresh, language="vi")
            self._clients[name] = await self._exits.enter_async_context(client)
        return self._clients[name]

    async def ask(self, name: str, operation: str, **variables: Any) -> Answer:
        """Run a document of the contract as a person; the root field's value."""
        client = await self.sign_in(name)
        return self._value(await client.graphql(_document(operation), variables))

    async def change(self, name: str, operation: str, **given: Any) -> Answer:
        """Run a mutation of the contract with a new idempotency key."""
        return await self.ask(name, operation, input={**given, "idempotencyKey": secrets.token_hex(16)})

    async def ask_anonymously(self, operation: str, **variables: Any) -> Answer:
        """Run a public document without a token."""
        async with https_client(self._endpoints.ca_file) as client:
            body = {"query": _document(operation), "variables": variables}
            return self._value((await client.post(f"{self._endpoints.api_url}/graphql", json=body)).json())

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
        self._console.print(f"     [dim]{escape(_short(line))}[/dim]")

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
        if answer.get("errors"):
            raise ClaimFailed(f"the api answered {json.dumps(answer['errors'], ensure_ascii=False)[:2000]}")
        (value,) = answer["data"].values()
        if not isinstance(value, dict):
            raise ClaimFailed("the api answered nothing")
        return value


def _document(operation: str) -> str:
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
