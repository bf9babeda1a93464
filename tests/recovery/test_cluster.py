"""A cluster is brought back to a moment, and is then what it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recovery.repository import BackupProblem, Segment
from stack.home import Home
from tests.conftest import _home
from tests.recovery.rig import Rig, archived_cluster, content

_TABLE = "CREATE TABLE public.kept (id int PRIMARY KEY, words text NOT NULL)"
_ROWS = "INSERT INTO public.kept SELECT n, repeat(md5(n::text), 20) FROM generate_series({}, {}) n"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with _home("ioc-backed-") as home, archived_cluster(home, tmp_path_factory.mktemp("repository")) as rig:
        rig.run(_TABLE)
        yield rig


@pytest.fixture
def elsewhere() -> Iterator[Home]:
    with _home("ioc-brought-") as home:
        yield home


def test_moment_between_two_changes_comes_back_as_it_was(rig: Rig, elsewhere: Home) -> None:
    rig.archive.round()
    rig.run(_ROWS.format(1, 50_000))
    entry = rig.back_up()
    rig.run(
        "UPDATE public.kept SET words = 'changed' WHERE id % 3 = 0", "DELETE FROM public.kept WHERE id < 10"
    )
    then, wanted = rig.moment(), content(rig.cluster)
    rig.run("DELETE FROM public.kept", "DROP TABLE notifications.inbox CASCADE")
    rig.archive.round()
    recovery = rig.recovery(elsewhere, entry, then)
    recovery.bring()
    with recovery.recovered() as cluster:
        assert content(cluster) == wanted
    recovery.cluster.remove()


def test_newest_moment_of_a_cluster_in_which_nothing_happens_is_reached(rig: Rig, elsewhere: Home) -> None:
    entry = rig.back_up()
    newest = rig.archive.round()
    recovery = rig.recovery(elsewhere, entry, newest.at)
    recovery.bring()
    with recovery.recovered() as cluster:
        assert content(cluster) == content(rig.cluster)
    recovery.cluster.remove()


def test_missing_segment_is_told_before_anything_starts(rig: Rig, elsewhere: Home) -> None:
    entry = rig.back_up()
    for number in range(3):
        rig.run("SELECT pg_switch_wal()", _ROWS.format(100_000 + number * 10, 100_009 + number * 10))
    newest = rig.archive.round()
    start = Segment.of_lsn(entry.timeline, entry.start_lsn)
    names = rig.repository.wal("backend", start)
    path: Path = rig.repository.folder / "backend" / "wal" / names[1]
    octets = path.read_bytes()
    path.unlink()
    try:
        with pytest.raises(BackupProblem, match="WAL is missing at segment"):
            rig.recovery(elsewhere, entry, newest.at).bring()
    finally:
        path.write_bytes(octets)
