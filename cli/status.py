"""`ioc status`: what runs here and where, and whether it can do its work."""

import json
from dataclasses import fields
from typing import Annotated, Any

import httpx
import typer

from cli import place
from cli.output import console
from stack.embedded import EmbeddedStack

_NOT_RUNNING = 3  # as systemctl's
_NOT_READY = 4
_ASK_SECONDS = 3.0
_COLOURS = {"ready": "green", "degraded": "yellow"}


def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Addresses, processes, readiness. Exit code 3 when a part does not run, 4 when one is not ready."""
    found = describe(place.existing())
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        _show(found)
    if not found["running"]:
        raise typer.Exit(_NOT_RUNNING)
    if not found["ready"]:
        raise typer.Exit(_NOT_READY)


def describe(stack: EmbeddedStack) -> dict[str, Any]:
    """The answer of `status --json`."""
    addresses = _addresses(stack)
    parts = [
        {
            "name": part.name,
            "state": "running" if part.identity.is_alive() else "ended",
            "pid": part.pid,
            "address": addresses.get(part.name),
            "log": part.log,
            **_health_of(stack, part.name),
        }
        for part in stack.supervisor.running()
    ]
    return {
        "running": bool(parts) and all(part["state"] == "running" for part in parts),
        "ready": all(part["health"] in (None, "ready", "degraded") for part in parts),
        "home": str(stack.home.folder),
        "api_url": stack.services.api_url,
        "keycloak_url": stack.services.keycloak_url,
        "ca_file": str(stack.certificates.authority),
        "soc_file": str(stack.soc.file),
        "parts": parts,
    }


def _health_of(stack: EmbeddedStack, name: str) -> dict[str, Any]:
    """What a process of ours says of itself; nothing of those that are not ours.

    `health` is ready, degraded, unready or draining, "silent" when it does not answer, None when nobody asks;
    `missing` has the checks that fail, each with a word of why.
    """
    if f"{name}_operations" not in {field.name for field in fields(stack.ports)}:
        return {"health": None, "missing": {}}
    url = f"http://127.0.0.1:{stack.ports.operations(name)}/health/ready"
    try:
        answer = httpx.get(url, timeout=_ASK_SECONDS, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return {"health": "silent", "missing": {}}
    missing = {check: told["reason"] for check, told in answer["checks"].items() if told["state"] != "ready"}
    return {"health": answer["state"], "missing": missing}


def _addresses(stack: EmbeddedStack) -> dict[str, str]:
    clusters = (stack.backend, stack.vault, stack.keycloak_database)
    return {
        **{f"postgres-{cluster.name}": f"{cluster.sockets}/.s.PGSQL.{cluster.port}" for cluster in clusters},
        "keycloak": f"https://localhost:{stack.ports.keycloak_inside} (behind the edge)",
        "soc": f"127.0.0.1:{stack.ports.soc}",
        "edge": f"{stack.services.api_url}/graphql",
        "api": f"https://localhost:{stack.ports.api} (behind the edge)",
        "vault": f"{stack.services.vault_url} (for the api alone)",
        "witness": f"{stack.witness.settings().url} (for the vault's relay alone)",
    }


def _show(found: dict[str, Any]) -> None:
    if not found["parts"]:
        console.print("Nothing runs here. Start it: ./ioc up")
        return
    for part in found["parts"]:
        colour = "green" if part["state"] == "running" else "red"
        state = f"[{colour}]{part['state']:<8}[/{colour}]"
        line = f"{part['name']:<18} {state} process {part['pid']:<8} {part['address'] or ''}"
        if part["health"] is not None:
            why = ", ".join(f"{check}: {reason}" for check, reason in part["missing"].items())
            shade = _COLOURS.get(part["health"], "red")
            line += f" [{shade}]{part['health']}[/{shade}]{' (' + why + ')' if why else ''}"
        console.print(line, soft_wrap=True)
    for title, value in (
        ("logs", f"{found['home']}/logs/PART.log, or ./ioc logs PART"),
        ("certificate authority", found["ca_file"]),
        ("the SOC's file", found["soc_file"]),
    ):
        console.print(f"{title}: {value}", soft_wrap=True)
