"""A job that fails is soon tried again, and given up in about an hour, whichever feature it is of."""

import re

import procrastinate
import pytest
from procrastinate.jobs import Job

from backend.citizens.messages import NOTICES_LIVE
from foundation.database.retries import RETRY, WHILE_FRESH
from stack.home import ROOT

PATIENCE = 1_000
"""More tries than any strategy of ours has."""


def waits(strategy: procrastinate.RetryStrategy, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seconds before each further try, as procrastinate reckons them."""
    monkeypatch.setattr("procrastinate.utils.datetime_from_timedelta_params", lambda given: given["seconds"])
    found: list[int] = []
    for failed_before in range(PATIENCE):
        job = Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="x", attempts=failed_before)
        decision = strategy.get_retry_decision(exception=RuntimeError(), job=job)
        if decision is None:
            break
        found.append(decision.retry_at)  # type: ignore[arg-type]  # the seconds, see above
    return found


def test_failed_job_is_tried_within_seconds_and_given_up_after_about_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = waits(RETRY, monkeypatch)
    assert found[:3] == [2, 4, 8]
    assert 50 * 60 <= sum(found) <= 75 * 60


def test_message_is_tried_until_it_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(waits(WHILE_FRESH, monkeypatch)) > NOTICES_LIVE.total_seconds()


def test_every_feature_retries_by_the_one_strategy() -> None:
    sources = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for folder in ("foundation", "backend", "services")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert [name for name, text in sources.items() if "RetryStrategy(" in text] == [
        "foundation/database/retries.py"
    ]
    used = [name for text in sources.values() for name in re.findall(r"\bretry=(\w+)", text)]
    assert (len(used) > 10, set(used), used.count("WHILE_FRESH")) == (True, {"RETRY", "WHILE_FRESH"}, 1)
