"""Advisory locks of the vault's database: one number is one lock, or two parts wait for each other."""

import re
from collections import defaultdict

from stack.home import ROOT

_NUMBER = re.compile(r"\b7_?420_?[0-9]{3}\b")
SHARED = {7420061: {"vault/authority/register.py", "migrations/vault/sql/0005_authority.sql"}}
"""Taken before deciding, and again by the function that writes: one lock on purpose."""


def test_no_two_parts_have_one_lock() -> None:
    users: dict[int, set[str]] = defaultdict(set)
    for pattern in ("audit/**/*.py", "vault/**/*.py", "services/*.py", "migrations/vault/sql/*.sql"):
        for file in ROOT.glob(pattern):
            for number in _NUMBER.findall(file.read_text(encoding="utf-8")):
                users[int(number.replace("_", ""))].add(file.relative_to(ROOT).as_posix())
    assert len(users) >= 4
    assert {number: files for number, files in users.items() if len(files) > 1} == SHARED
