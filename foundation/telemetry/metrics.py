"""What is counted, and how Prometheus reads it: `docs/operations/observability.md` says what for.

Every label has few values, all of our own vocabulary: names of root fields, codes of errors, kinds of parts.
Whatever else comes is counted as "other", so that nobody outside can make a series and nothing of a person
stands in one. Served on the operations listener alone.
"""

import atexit
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
OTHER = "other"
MOST_VALUES = 256
SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder in which several processes of one service count together; the library reads it, too."""
REGISTRY = CollectorRegistry()

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0)
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}(?:\.[a-z][a-z0-9_]{0,39}){0,3}")


class Names:
    """The values that a label may take: those that were told, or words of ours up to a number of them."""

    def __init__(self, known: Iterable[str] | None = None) -> None:
        self._known = None if known is None else frozenset(known)
        self._seen: set[str] = set()

    def tell(self, known: Iterable[str]) -> None:
        """From now on these alone."""
        self._known = frozenset(known)

    def of(self, value: str) -> str:
        """`value` if it is one of them, else "other"."""
        if self._known is not None:
            return value if value in self._known else OTHER
        if value in self._seen:
            return value
        if len(self._seen) >= MOST_VALUES or not _CODE.fullmatch(value):
            return OTHER
        self._seen.add(value)
        return value


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"ioc_{name}", text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str, several: str = "livesum") -> Gauge:
    """`several` says what processes of one service make of it together."""
    return Gauge(f"ioc_{name}", text, labels, registry=REGISTRY, multiprocess_mode=several)  # type: ignore[arg-type]  # one of the library's words


def _histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...] = _FAST) -> Histogram:
    return Histogram(f"ioc_{name}", text, labels, registry=REGISTRY, buckets=buckets)


OPERATIONS = Names()
"""Root fields: told by the process that knows the schema."""
CODES = Names()
LIMITS = Names()
TASKS = Names()
REALMS = Names()

# ---- requests
REQUESTS = _counter("requests", "GraphQL requests by root field and outcome", "operation", "outcome")
REQUEST_SECONDS = _histogram("request_seconds", "From a request's first octet to its answer", "operation")
IN_FLIGHT = _gauge("requests_in_flight", "Requests that are being answered")
REFUSALS = _counter(
    "refusals", "What was refused, by code of the error; identity.* are failed sign-ins", "code"
)
LIMITED = _counter("limits_refused", "Refusals by the limit that was reached", "limit")
LIMITS_AWAY = _counter("limits_unavailable", "Requests refused because nobody could count them")
POLICY_MISMATCHES = _counter("policy_mismatches", "Rows that a filter let through and a policy does not")

# ---- live changes
SUBSCRIBERS = _gauge("live_subscribers", "Subscriptions that are open")
FEED_READ = _gauge(
    "live_feed_read_timestamp_seconds", "When changes were last read and delivered", several="livemin"
)
FEED_LAG = _gauge(
    "live_feed_lag_seconds", "Age of the oldest change that was not delivered yet", several="livemax"
)
FEED_FAULTS = _counter("live_feed_faults", "Readings of changes that failed")
DROPPED = _counter("live_subscribers_dropped", "Subscriptions that were ended", "why")

# ---- database
POOL_SIZE = _gauge("database_pool_size", "Connections that a pool may have", "pool")
POOL_USED = _gauge("database_pool_used", "Connections that somebody has", "pool")
POOL_WAITING = _gauge("database_pool_waiting", "Those who wait for a connection", "pool")
POOL_WAIT_SECONDS = _histogram("database_pool_wait_seconds", "How long a connection was waited for", "pool")
TRANSACTION_SECONDS = _histogram(
    "transaction_seconds", "From a transaction's begin to its end", "kind", "end"
)

# ---- audit
AUDIT_LEAVES = _gauge("audit_leaves", "Lines of the log's present epoch", several="livemax")
AUDIT_ACKED = _gauge(
    "audit_relp_acked", "Lines that the receiver acknowledged: no receipt", several="livemax"
)
AUDIT_CONFIRMED = _gauge("audit_soc_confirmed", "Lines that the witness has cosigned", several="livemax")
AUDIT_UNSHIPPED = _gauge(
    "audit_unshipped_lines", "Lines of all epochs not acknowledged yet", several="livemax"
)
AUDIT_WAITING = _gauge(
    "audit_waiting_events", "Events that are no lines yet, counted up to 10,000", several="livemax"
)
AUDIT_OLDEST = _gauge(
    "audit_oldest_unshipped_seconds",
    "Age of the oldest event or line that is not acknowledged",
    several="livemax",
)
AUDIT_READ = _gauge(
    "audit_read_timestamp_seconds", "When the state of the log was last read", several="livemax"
)
CHECKPOINT_SIZE = _gauge(
    "audit_checkpoint_size", "Lines under the newest signed checkpoint", several="livemax"
)
CHECKPOINT_FAULT = _gauge(
    "audit_checkpoint_fault", "1 when the log is not the one that was signed", several="livemax"
)
COSIGNED_SIZE = _gauge("audit_cosigned_size", "Lines that the witness has cosigned", several="livemax")
COSIGNED_AT = _gauge("audit_cosigned_timestamp_seconds", "When the witness last cosigned", several="livemax")
WITNESS_REFUSES = _gauge(
    "audit_witness_refuses", "1 when the witness has seen another log", several="livemax"
)
RELAY_CONNECTED = _gauge("relay_connected", "1 while the receiver is connected", several="livemax")
RELAY_CONNECTIONS = _counter("relay_connections", "Connections made to the receiver")
RELAY_FAULTS = _counter("relay_faults", "Connections to the receiver that failed or broke")
RELAY_SHIPPED = _counter("relay_shipped_lines", "Lines that the receiver acknowledged")

# ---- jobs
JOBS = _counter("jobs", "Jobs that ran, by outcome", "task", "outcome")
JOB_SECONDS = _histogram("job_seconds", "How long a job ran", "task", buckets=_SLOW)
JOBS_IN_QUEUE = _gauge("jobs_in_queue", "Jobs in the database by state", "state", several="livemax")
JOBS_OLDEST = _gauge(
    "jobs_oldest_waiting_seconds", "How long the oldest job waits that could have run", several="livemax"
)
JOBS_READ = _gauge("jobs_read_timestamp_seconds", "When the queue was last counted", several="livemax")

YEARS_MISSING = _gauge(
    "calendar_years_missing", "Years whose days off nobody has confirmed", several="livemax"
)

# ---- directory and Keycloak
DIRECTORY_REQUESTS = _gauge(
    "directory_requests", "Requests to the directory by state", "state", several="livemax"
)
DIRECTORY_OLDEST = _gauge(
    "directory_oldest_waiting_seconds", "Age of the oldest request that is not done", several="livemax"
)
DIRECTORY_READ = _gauge(
    "directory_read_timestamp_seconds", "When the directory's queue was last counted", several="livemax"
)
DIRECTORY_DONE = _counter("directory_requests_done", "Requests that ended, by outcome", "outcome")
DIRECTORY_FAULTS = _counter("directory_faults", "Attempts at requests that ended by a fault nobody foresaw")
EVENTS_READ = _gauge(
    "keycloak_events_read_timestamp_seconds",
    "When Keycloak's events were last read, by realm and kind",
    "realm",
    "kind",
    several="livemax",
)
KEYCLOAK_CALLS = _counter("keycloak_calls", "Calls to Keycloak by purpose and outcome", "purpose", "outcome")
KEYCLOAK_SECONDS = _histogram("keycloak_call_seconds", "How long Keycloak took", "purpose")

# ---- media
UPLOADS = _counter("media_uploads", "Files that somebody sent, by outcome", "outcome")
SCAN_SECONDS = _histogram("media_scan_seconds", "How long the scanner took", buckets=_SLOW)
SCANS = _counter("media_scans", "Files that were scanned, by outcome", "outcome")
ORPHANS = _counter("media_orphans", "Files without a row that were removed")
LOST = _counter("media_lost", "Files that rows name and that are gone")
SWEEPS_REFUSED = _counter(
    "media_sweeps_refused", "Sweeps that did nothing: the store is not the known one, or too much is gone"
)

# ---- the edge
EDGE_REFUSALS = _counter("edge_refusals", "What the edge refused, by reason", "reason")
EDGE_READ = _gauge("edge_refusals_read_timestamp_seconds", "When the edge's refusals were last counted")

# ---- the process and its machine
STARTED = _gauge("process_started_timestamp_seconds", "When the process began", several="livemin")
READY = _gauge(
    "ready", "1 when the process can do its work, 0.5 when without a part of it", several="livemin"
)
CHECKS = _gauge("check_ready", "1 when a part does what it is needed for", "part", several="livemin")
CERTIFICATE_ENDS = _gauge(
    "certificate_ends_timestamp_seconds", "When a certificate runs out", "name", several="livemin"
)
CLOCK_OFFSET = _gauge(
    "clock_offset_seconds", "How far this clock is from the database's, either way", several="livemax"
)
DISK_FREE = _gauge("disk_free_ratio", "What is free of a disk", "place", several="livemin")
BACKUP_ENDED = _gauge(
    "backup_ended_timestamp_seconds", "When the newest backup was finished", several="livemax"
)
BACKUPS = _counter("backups", "Backups that the archiver took, by outcome", "outcome")
ARCHIVE_REACHED = _gauge(
    "archive_reached_timestamp_seconds",
    "The newest moment to which a cluster can be brought",
    "part",
    several="livemax",
)
LOOP_LAG = _gauge("loop_lag_seconds", "How late the process's loop wakes up", several="livemax")


@contextmanager
def waiting_for(pool: str) -> Iterator[None]:
    """Around the wait for a connection of a pool."""
    waiting = POOL_WAITING.labels(pool)
    waiting.inc()
    began = time.perf_counter()
    try:
        yield
    finally:
        waiting.dec()
        POOL_WAIT_SECONDS.labels(pool).observe(time.perf_counter() - began)


def refused(code: str) -> None:
    """Count a refusal."""
    REFUSALS.labels(CODES.of(code)).inc()


def count_together() -> None:
    """Before the processes of one service are started: they count into one folder, and each answers for all.

    The folder lives as long as this process.
    """
    folder = tempfile.mkdtemp(prefix="ioc-metrics-")
    os.environ[SHARED] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def exposition() -> bytes:
    """All numbers in Prometheus' text format (0.0.4), without exemplars."""
    folder = os.environ.get(SHARED)
    if folder is None:
        return generate_latest(REGISTRY)
    _forget_the_dead(Path(folder))
    together = CollectorRegistry()
    MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]  # untyped there
    return generate_latest(together)


_forgetting = threading.Lock()


def _forget_the_dead(folder: Path) -> None:
    """What a killed process last said of now is not so any more; what it counted stays."""
    with _forgetting:
        for file in folder.glob("gauge_live*.db"):
            pid = int(file.stem.rpartition("_")[2])
            if not Path(f"/proc/{pid}").exists():
                mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]  # untyped there
