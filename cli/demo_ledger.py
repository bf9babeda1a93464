"""The demo's chapter on the access ledger: who opened a citizen's report, shown to that citizen."""

from cli.journey import Answer, Journey

OFFICERS = ("Văn Minh", "Thị Thảo", "Thu Hà", "Anh Dũng")


async def tell_of_the_ledger(journey: Journey, code: str) -> None:
    """Raises ClaimFailed at the first step that differs from its claim."""
    journey.chapter("The citizen sees who opened her report")
    journey.tell("Lan", "asks for the ledger of her report; her sign-in is of the last 15 minutes")

    async def look() -> list[Answer]:
        page = await journey.ask("lan", "MyLedger", code=code)
        entries: list[Answer] = [edge["node"] for edge in reversed(page["edges"])]
        return entries if "REPORT" in [entry["subject"] for entry in entries] else []

    entries = await journey.until(look)
    lines = [
        f"{entry['number']}. {entry['day']} {entry['role']} · {entry['unit']['name']} · {entry['subject']},"
        f" {entry['purpose']}"
        for entry in entries
    ]
    for line in lines:
        journey.tell("", line)
    journey.claim(
        "each opening stands there with day, role, unit and purpose, numbered without a gap",
        holds=bool(entries) and [entry["number"] for entry in entries] == [*range(1, len(entries) + 1)],
        seen=entries,
    )
    journey.claim(
        "nobody's name stands there", holds=not any(name in "".join(lines) for name in OFFICERS), seen=lines
    )
    inbox = await journey.ask("lan", "Inbox", first=50)
    kinds = {edge["node"]["kind"] for edge in inbox["edges"]}
    journey.claim("no notice told of an opening", holds="report.open" not in kinds, seen=sorted(kinds))
    await journey.soc_received("report.open", "allow", f"report:{code}")
