"""The vault's policies against their cases, and that a case notices what is widened."""

import shutil
from pathlib import Path

import pytest

from foundation.policy.cases import check
from stack.home import ROOT

FOLDER = ROOT / "policies" / "vault"


def test_cases_hold_and_leave_no_gap() -> None:
    number, problems = check(FOLDER)
    assert problems == []
    assert number > 90


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("principal.keeps.contains(resource.holding)", "true"),
        ("principal.reads.contains(resource.holding)", "true"),
        ("principal.own.contains(resource)", "false"),
        ("principal.superiors.contains(resource)", "false"),
        ("context.acr >= 3", "context.acr >= 2"),
        ("context.sign_in_age <= 900", "context.sign_in_age <= 3600"),
        ("unless { context.second_factor }", "unless { true }"),
    ],
)
def test_widened_policy_is_found(tmp_path: Path, old: str, new: str) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "policies"))
    file = folder / "cadres.cedar"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    assert check(folder)[1] != []
