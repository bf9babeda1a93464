"""The checker finds every kind of damage, and nothing in a sound file."""

from pathlib import Path

import pytest

from audit.check import LogIncomplete, check, check_file


def line(sequence: int, log: str = "a", more: str = "") -> bytes:
    return b'{"x":"%s","metadata":{"log_name":"%s","sequence":%d}}\n' % (
        more.encode(),
        log.encode(),
        sequence,
    )


def test_sound_file_is_complete() -> None:
    findings = check([line(0), line(1), line(0, "b"), line(2)])
    findings.require_complete()
    assert {name: found.size for name, found in findings.logs.items()} == {"a": 3, "b": 1}


def test_duplicates_and_torn_lines_are_dropped() -> None:
    findings = check([line(0), line(1), line(1)[:-9], line(0), line(1), line(2)])
    findings.require_complete()
    assert (findings.logs["a"].size, findings.logs["a"].duplicates, findings.torn) == (3, 2, 1)


def test_missing_lines_are_gaps() -> None:
    findings = check([line(1), line(4), line(5), line(9)])
    assert findings.logs["a"].gaps == [(0, 1), (2, 4), (6, 9)]


def test_same_sequence_with_other_bytes_is_a_conflict() -> None:
    assert check([line(0), line(0, more="other")]).logs["a"].conflicts == [0]


def test_first_coming_after_a_higher_one_is_out_of_order() -> None:
    assert check([line(0), line(2), line(1)]).logs["a"].out_of_order == [1]


@pytest.mark.parametrize(
    "octets",
    [
        b"{}\n",
        b"[]\n",
        b"7\n",
        b'{"metadata":{"log_name":"a","sequence":"0"}}\n',
        line(-1),
        b'{"metadata":{"log_name":"a","sequence":true}}\n',
    ],
)
def test_json_that_is_no_line_is_foreign(octets: bytes) -> None:
    assert check([octets]).foreign == 1


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([line(1)], r"gaps \[\(0, 1\)\]"),
        ([line(0), line(0, more="x")], r"conflicts \[0\]"),
        ([line(0), line(2), line(1)], r"out of order \[1\]"),
        ([b"{}"], "1 foreign"),
    ],
)
def test_incomplete_file_raises_and_names_the_fault(lines: list[bytes], fault: str) -> None:
    with pytest.raises(LogIncomplete, match=fault):
        check(lines).require_complete()


def test_file_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert check_file(tmp_path / "none").logs == {}
