"""The cases of each folder of policies, and that their runner finds what is wrong."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.policy.cases import Case, CaseRunner, CasesInvalid, check, load_cases, main
from foundation.policy.engine import PolicyEngine

ROOT = Path(__file__).parents[2]
BACKEND = ROOT / "policies" / "backend"
WORLD, CASES = load_cases(BACKEND)


@pytest.fixture(scope="module")
def runner() -> CaseRunner:
    return CaseRunner(PolicyEngine.load(BACKEND), WORLD)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the backend's policies to spoil."""
    return Path(shutil.copytree(BACKEND, tmp_path / "policies"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(runner: CaseRunner, case: Case) -> None:
    assert runner.answer(case) == (case.expect, case.by)


def test_backend_policies_have_no_gap(runner: CaseRunner) -> None:
    assert list(runner.gaps(CASES)) == []


def test_command_succeeds_on_the_backend_policies() -> None:
    command = [sys.executable, "-m", "foundation.policy.cases", "policies/backend"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == f"policies/backend: {len(CASES)} cases, 0 problems\n"


def test_command_fails_on_a_difference(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder / "reports.cedar", "principal.units.contains(resource.handler) };", "true };")
    assert main([str(folder)]) == 1
    assert "minh_at_soc_son report.accept report" in capsys.readouterr().err


def test_widened_condition_is_found(folder: Path) -> None:
    edit(folder / "reports.cedar", " && principal.units.contains(resource.handler) };", " };")
    _, problems = check(folder)
    verdict = "expected deny by nothing, got allow by report-work-handler"
    steps = {
        f"a handler of another unit does not (minh_at_soc_son report.{step} report): {verdict}"
        for step in ("accept", "ask", "answer", "close", "forward")
    }
    assert steps <= set(problems)
    assert [problem for problem in problems if not problem.endswith(f"report): {verdict}")] == []


def test_removed_forbid_is_found(folder: Path) -> None:
    edit(folder / "reports.cedar", "when { principal.platform_admin };", "when { false };")
    _, problems = check(folder)
    found = (
        "an administrator of the platform does not (khoa_platform report.read report): "
        "expected deny by report-not-for-administrators, got allow by report-read-unit"
    )
    assert found in problems


def test_forbid_that_refuses_only_what_nothing_permits_is_found(folder: Path) -> None:
    (folder / "extra.cedar").write_text(
        '@id("extra") forbid(principal == System::"audit", action == Action::"units.read", resource);'
    )
    _, problems = check(folder)
    assert problems == ["policy extra has no deny case that would be allowed without it"]


def test_permit_without_an_allow_case_is_found(folder: Path) -> None:
    (folder / "extra.cedar").write_text(
        '@id("extra") permit(principal is System, action == Action::"units.read", resource) when { false };'
    )
    _, problems = check(folder)
    assert "policy extra has no allow case" in problems


def test_action_without_cases_is_found(folder: Path) -> None:
    schema = folder / "schema.cedarschema"
    edit(schema, 'action "inbox.read" appliesTo', 'action "inbox.read", "inbox.clear" appliesTo')
    _, problems = check(folder)
    assert problems == ["action inbox.clear has no allow case", "action inbox.clear has no deny case"]


def test_condition_that_no_case_tests_is_found(folder: Path) -> None:
    edit(
        folder / "tenancy.cedar",
        "when {\n  (principal",
        'unless { resource.kind == "moon" }\nwhen {\n  (principal',
    )
    cases = folder / "cases" / "tenancy.yaml"
    others = [line for line in cases.read_text(encoding="utf-8").splitlines() if "units.read" not in line]
    cases.write_text(
        "- {name: public, who: nobody, does: units.read, to: city, expect: allow, by: [units-read-city]}\n"
        "- {name: own, who: phuong, does: units.read, to: party_organisation,"
        " expect: allow, by: [units-read-party]}\n"
        "- {name: hidden, who: [lan], does: units.read, to: party_organisation, expect: deny}\n"
        + "\n".join(others)
    )
    _, problems = check(folder)
    assert problems == ["policy units-read-party: no case differs when its conditions are dropped"]


def test_errored_decision_is_never_the_denial_that_was_expected(folder: Path) -> None:
    with (folder / "cases" / "tenancy.yaml").open("a") as file:
        file.write("- {name: typo, who: nobody, does: units.raed, to: city, expect: deny}\n")
    _, problems = check(folder)
    assert problems == ["typo (nobody units.raed city): expected deny by nothing, got error by nothing"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("- {name: x, who: nobody, does: units.read, on: city, expect: deny}", "Expected `str`"),
        ("- {name: x, who: nobody, does: units.read, to: city, expect: refuse}", "refuse"),
        ("- {name: x, who: somebody, does: units.read, to: city, expect: deny}", "somebody"),
        ("- {name: x, who: nobody, does: units.read, to: moon, expect: deny}", "moon"),
        ("- {name: x, who: nobody, does: units.read, to: city, expect: deny, bye: []}", "bye"),
    ],
)
def test_case_that_says_what_nobody_knows_is_refused(folder: Path, line: str, complaint: str) -> None:
    (folder / "cases" / "extra.yaml").write_text(line)
    with pytest.raises(CasesInvalid, match=complaint):
        check(folder)


def test_folder_without_cases_is_refused(folder: Path) -> None:
    for file in (folder / "cases").glob("*.yaml"):
        file.write_text("[]") if file.name != "world.yaml" else None
    with pytest.raises(CasesInvalid, match="no cases"):
        check(folder)
