"""The register of processing and the terms of retention as a page of docs/, written from the data.

`python -m backend.privacy.register_page --settings FILE`; FILE is the DatabaseSettings of the migrator.
"""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from foundation.database.connections import for_psycopg
from foundation.settings import DatabaseSettings, load

PAGE = Path(__file__).parents[2] / "docs" / "operations" / "processing.md"

PROCESSING = (
    "SELECT code, purpose_vi, purpose_en, basis, data, retention, recipients, transfer"
    " FROM privacy.processing ORDER BY code"
)
RULES = (
    "SELECT code, version, from_day, data_vi, data_en, begins, months, act, basis, assumed, after_deletion"
    " FROM privacy.retention_rule ORDER BY code, version"
)
CLOCKS = "SELECT kind, reply_working_days, days, more_days FROM privacy.clock ORDER BY kind"
_HEAD = """# Register of processing (sổ hoạt động xử lý dữ liệu cá nhân)

Written from the tables `privacy.processing`, `privacy.retention_rule` and `privacy.clock` by
`python -m backend.privacy.register_page`; a test compares. Who answers requests reads the same through
`processingRegister` and `retentionRules`. An assumption is a figure of ours that no lawyer has confirmed.
"""


def page_of(
    processing: Iterable[Mapping[str, Any]],
    rules: Iterable[Mapping[str, Any]],
    clocks: Iterable[Mapping[str, Any]],
) -> str:
    """The page, from rows of PROCESSING, RULES and CLOCKS."""
    return "\n".join(
        [
            _HEAD,
            "## What is processed\n",
            _table(
                ("code", "purpose", "basis", "data", "kept", "given to", "abroad"),
                (
                    (
                        f"`{row['code']}`",
                        f"{row['purpose_vi']} / {row['purpose_en']}",
                        row["basis"],
                        row["data"],
                        row["retention"],
                        row["recipients"],
                        row["transfer"] or "nothing",
                    )
                    for row in processing
                ),
            ),
            "## How long it is kept\n",
            _table(
                ("rule", "from", "data", "term", "then", "ground", "stays after a deletion"),
                (
                    (
                        f"`{row['code']}` {row['version']}",
                        row["from_day"].isoformat(),
                        f"{row['data_vi']} / {row['data_en']}",
                        _term(row),
                        row["act"],
                        row["basis"],
                        "yes" if row["after_deletion"] else "no",
                    )
                    for row in rules
                ),
            ),
            "## Until when requests are answered\n",
            _table(
                ("right", "reply, working days", "answer, days", "once more, days"),
                (
                    (row["kind"], str(row["reply_working_days"]), str(row["days"]), str(row["more_days"]))
                    for row in clocks
                ),
            ),
        ]
    )


def _term(row: Mapping[str, Any]) -> str:
    term = "no end" if row["months"] is None else f"{row['months']} months after it was {row['begins']}"
    return f"{term} (assumption)" if row["assumed"] else term


def _table(names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def read(connection: psycopg.Connection[Any]) -> str:
    """The page of a database, for a role that sees the tables."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = [cursor.execute(statement).fetchall() for statement in (PROCESSING, RULES, CLOCKS)]
    return page_of(*found)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m backend.privacy.register_page")
    parser.add_argument("--settings", type=Path, required=True)
    settings = load(parser.parse_args().settings, DatabaseSettings)
    with psycopg.connect(**for_psycopg(settings)) as connection:
        connection.execute("SET ROLE backend_owner")
        PAGE.write_text(read(connection), encoding="utf-8")


if __name__ == "__main__":
    main()
