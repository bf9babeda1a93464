"""Real workers on a real database, killed at random (SIGKILL) while they fan out and push."""

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.reports_data import fill
from foundation.settings import AuditSettings, DatabaseSettings, PushSettings, WorkerSettings
from stack.home import ROOT
from stack.push import new_account
from stack.settings_files import write_settings

WORKERS = 2
_PEOPLE = """
INSERT INTO citizens.citizen (id, issuer, subject)
SELECT gen_random_uuid(), 'killed', 'citizen-' || n FROM generate_series(0, %(people)s - 1) n
"""
_WISHES = """
INSERT INTO notifications.preference (person, person_kind, push, sms, email, changed_at)
SELECT id, 'citizen', true, 'never', 'never', now() FROM citizens.citizen WHERE issuer = 'killed'
"""
_CONSENTS = """
INSERT INTO privacy.consent (id, citizen_id, purpose, text_version, given, at)
SELECT gen_random_uuid(), id, 'push', 1, true, now() FROM citizens.citizen WHERE issuer = 'killed'
"""
_TOKENS = """
INSERT INTO notifications.push_token
  (id, person, person_kind, iss, sub, sid, jkt, platform, token, registered_at)
SELECT gen_random_uuid(), id, 'citizen', issuer, subject, 's', subject, 'android', 'token-of-' || subject,
  now()
FROM citizens.citizen WHERE issuer = 'killed'
"""
_CHANGES = """
WITH people AS (SELECT id, row_number() OVER () - 1 AS n FROM citizens.citizen WHERE issuer = 'killed'),
     chosen AS (SELECT code, visible_units, row_number() OVER (ORDER BY code) - 1 AS n FROM reports.report
                ORDER BY code LIMIT %(jobs)s)
INSERT INTO changes.change (id, kind, resource, version, at, units, citizen_id)
SELECT uuidv7(), 'report.killed', 'report:' || c.code, 2, now(), c.visible_units, p.id
FROM chosen c JOIN people p ON p.n = c.n %% %(people)s
"""
# What a submitted report has: other features reckon from its first step.
_STEPS = """
INSERT INTO reports.timeline (id, report_id, version, at, kind, to_state, to_unit_id, actor_kind)
SELECT uuidv7(), r.id, 1, now(), 'submitted', 'received', r.handler_id, 'system' FROM reports.report r
"""
_JOBS = """
INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, args)
SELECT 'default', 'reports.fan_out', jsonb_build_object('change_id', id) FROM changes.change
WHERE kind = 'report.killed'
"""
_LEFT = """
SELECT (SELECT count(*) FROM jobs.procrastinate_jobs
        WHERE task_name IN ('reports.fan_out', 'notifications.send')),
       (SELECT count(*) FROM notifications.delivery WHERE done_at IS NULL)
"""
_COUNTS = """
SELECT (SELECT count(*) FROM notifications.inbox WHERE kind = 'report.killed'),
  (SELECT count(DISTINCT change_id) FROM notifications.inbox WHERE kind = 'report.killed'),
  (SELECT count(*) FROM audit.event WHERE line::jsonb -> 'unmapped' ->> 'action' = 'inbox.deliver'),
  (SELECT count(*) FROM notifications.delivery),
  (SELECT count(*) FROM notifications.delivery WHERE state = 'sent'),
  (SELECT count(*) FROM notifications.attempt),
  (SELECT count(*) FROM notifications.attempt WHERE outcome IS NULL)
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. In the database everything is there once; beyond it messages may be there twice."""

    jobs: int
    kills: int
    seconds: float
    notices: int
    distinct_notices: int
    events: int
    deliveries: int
    sent: int
    attempts: int
    attempts_without_answer: int
    messages: int
    shown: int

    @property
    def repeated(self) -> int:
        """Messages that Google's double took more than once; each carried the same id."""
        return self.messages - self.shown


def run_killed(
    worker: DatabaseSettings, superuser: psycopg.Connection, folder: Path, *, jobs: int, kills: int, port: int
) -> Outcome:
    """Run `jobs` fan-outs, each with a push, while workers are killed. Raises TimeoutError after minutes."""
    superuser.execute("SET search_path = jobs")
    fill(superuser, jobs)
    people = max(jobs // 15, 1)
    for statement in (_PEOPLE, _WISHES, _CONSENTS, _TOKENS, _CHANGES, _STEPS, _JOBS):
        superuser.execute(statement.encode(), {"jobs": jobs, "people": people} if "%(" in statement else None)
    account, taken, settings = folder / "account.json", folder / "taken.jsonl", folder / "worker.toml"
    url = f"http://127.0.0.1:{port}"
    account.write_text(json.dumps(new_account("ioc-killed", f"{url}/token")), encoding="utf-8")
    write_settings(
        settings,
        WorkerSettings(
            environment="development",
            database=worker,
            audit=AuditSettings(log="backend"),
            policies_folder=ROOT / "policies" / "backend",
            poll_seconds=0.05,
            stalled_after_seconds=5,
            push=PushSettings(account_file=account, url=url, claim_seconds=5),
        ),
    )
    double = ROOT / "deploy" / "local" / "fcm" / "server.py"
    options = [f"--port={port}", f"--account={account}", f"--file={taken}"]
    started = time.monotonic()
    with subprocess.Popen([sys.executable, str(double), *options], stdout=subprocess.DEVNULL) as fcm:
        try:
            done = _work(superuser, settings, folder, kills, 60 + jobs / 10)
        finally:
            fcm.terminate()
    lines = taken.read_text(encoding="utf-8").splitlines()
    shown = Counter(json.loads(line)["data"]["id"] for line in lines)
    row = superuser.execute(_COUNTS).fetchone() or ()
    return Outcome(jobs, done, time.monotonic() - started, *row, len(lines), len(shown))


def _work(superuser: psycopg.Connection, settings: Path, folder: Path, kills: int, most: float) -> int:
    """Keep workers at work until nothing is left; how many were killed.

    A worker is killed whenever the work has come to a point that was drawn at random, so on any machine in
    the middle of it.
    """
    deadline, dice = time.monotonic() + most + 15 * kills, random.Random(7)
    whole = 2 * _count(superuser, "changes.change WHERE kind = 'report.killed'")
    points = sorted(dice.uniform(0.02, 0.9) * whole for _ in range(kills))
    with (folder / "workers.log").open("ab") as log:
        workers = [_start(settings, log) for _ in range(WORKERS)]
        try:
            while _left(superuser):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{len(points)} kills to come, left: {_left(superuser)}")
                time.sleep(dice.uniform(0.0, 0.1))
                if points and _done(superuser) >= points[0]:
                    points.pop(0)
                    victim = workers.pop(0)  # the older one: it is in the middle of something
                    victim.send_signal(signal.SIGKILL)
                    victim.wait()
                    workers.append(_start(settings, log))
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
    return kills - len(points)


def _start(settings: Path, log: Any) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "services.worker", "--settings", str(settings)]
    return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)


def _count(superuser: psycopg.Connection, rows: str) -> int:
    row = superuser.execute(f"SELECT count(*) FROM {rows}".encode()).fetchone()
    return 0 if row is None else int(row[0])


def _done(superuser: psycopg.Connection) -> int:
    told = _count(superuser, "notifications.inbox WHERE kind = 'report.killed'")
    return told + _count(superuser, "notifications.delivery WHERE done_at IS NOT NULL")


def _left(superuser: psycopg.Connection) -> tuple[int, ...]:
    row = superuser.execute(_LEFT).fetchone() or ()
    return row if any(row) else ()
