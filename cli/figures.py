"""`ioc figures`: what anybody may see, as bars: hot categories, wards and places, and how units keep time."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import httpx
import typer
from rich.table import Table

from cli import place
from cli.client import ApiRefused, https_client
from cli.output import console
from foundation.clock import HANOI
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.home import ROOT

DOCUMENT = ROOT / "mobile_contract" / "operations" / "PublicFigures.graphql"
WIDTH = 30
_ARROWS = {"UP": "▲", "DOWN": "▼", "STEADY": "=", "NEW": "new"}


def figures(
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=100, help="Of each table.")] = 10,
) -> None:
    """Show the public figures as bars; each arrow is against the 30 days before."""
    stack = place.existing()
    try:
        answer = asyncio.run(_ask(stack, lines))
    except ApiRefused as error:
        raise StackError("api", str(error), "./ioc logs api") from error
    except httpx.TransportError as error:
        raise StackError("stack", f"no answer: {error}", "./ioc status, ./ioc up") from error
    found = answer["data"]["publicFigures"]
    if found["__typename"] != "PublicFigures":
        # A young system's ordinary state, no failure.
        console.print("Nothing has been published yet: the worker publishes each full hour.")
        return
    for table in tables(found, lines):
        console.print(table)
    made = datetime.fromisoformat(found["madeAt"]).astimezone(HANOI)
    console.print(
        f"As of {made:%d/%m/%Y %H:%M}; 30 days, rounded to 5; nothing about fewer than five people."
    )


def tables(found: Mapping[str, Any], lines: int) -> list[Table]:
    """Hot categories, wards and places with trend, then units' deadlines and ratings."""
    categories = [(row["nameVi"], row) for row in found["categories"]]
    wards = [(row["ward"]["name"], row) for row in found["wards"]]
    names = {row["ward"]["code"]: row["ward"]["name"] for row in found["wards"]}
    places = [
        (f"{names.get(row['wardCode'], row['wardCode'])} {row['latitude']:.4f}, {row['longitude']:.4f}", row)
        for row in found["places"]
    ]
    drawn = [
        _bars(title, rows[:lines])
        for title, rows in (("Lĩnh vực", categories), ("Phường, xã", wards), ("Điểm nóng", places))
    ]
    units = Table("Đơn vị", "Đúng hạn", "", "Hài lòng", box=None, padding=(0, 2), title_justify="left")
    for row in found["units"][:lines]:
        percent, stars = row["onTimePercent"], row["satisfaction"]
        units.add_row(
            row["unit"]["name"],
            "–" if percent is None else f"{percent} %",
            bar(percent or 0, 100),
            "–" if stars is None else f"{stars:.1f} / 5",
        )
    return [*drawn, units]


def bar(number: int, most: int) -> str:
    """A bar of up to 30 blocks."""
    return "█" * round(WIDTH * number / most) if most else ""


def _bars(title: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    table = Table(title, "", "", "", box=None, padding=(0, 2))
    most = max((row["reports"] for _, row in rows), default=0)
    for name, row in rows:
        table.add_row(name, bar(row["reports"], most), str(row["reports"]), _ARROWS[row["trend"]])
    return table


async def _ask(stack: EmbeddedStack, places: int) -> dict[str, Any]:
    async with https_client(stack.certificates.authority) as client:
        response = await client.post(
            f"{stack.services.api_url}/graphql",
            json={"query": DOCUMENT.read_text(encoding="utf-8"), "variables": {"places": places}},
        )
    if response.is_error:
        raise ApiRefused(response)
    answer: dict[str, Any] = response.json()
    return answer
