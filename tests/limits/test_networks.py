"""Whose request it is, as far as limits and the log may know: nobody chooses their own network."""

import pytest

from services.networks import UNKNOWN, Networks

EDGE = "10.0.0.5"
BEHIND_EDGE = Networks(["10.0.0.0/8", "fd00::/8"])
ALONE = Networks([])


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("203.0.113.255", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("::FFFF:CB00:714D", "203.0.113.0"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("127.0.0.1", "127.0.0.0"),
    ],
)
def test_caller_is_known_by_network_alone(peer: str, network: str) -> None:
    assert ALONE.of(peer, []) == network


@pytest.mark.parametrize(
    "peer",
    [
        None,
        "",
        "unix:",
        "localhost",
        "203.0.113.7:80",
        "[2001:db8::1]",
        "203.0.113.0/24",
        "٢٠٣.0.113.7",
        "1",
        "\0",
    ],
)
def test_caller_whose_address_is_none_shares_one_network(peer: str | None) -> None:
    assert ALONE.of(peer, []) == UNKNOWN


@pytest.mark.parametrize("header", ["198.51.100.9", "198.51.100.9, 10.0.0.5", "10.0.0.5", "garbage"])
def test_header_of_a_stranger_is_not_believed(header: str) -> None:
    assert BEHIND_EDGE.of("203.0.113.77", [header]) == "203.0.113.0"


@pytest.mark.parametrize("peer", ["10.0.0.5", "::ffff:10.0.0.5", "fd00::5"])
def test_header_of_the_edge_is_believed(peer: str) -> None:
    assert BEHIND_EDGE.of(peer, ["203.0.113.77"]) == "203.0.113.0"


@pytest.mark.parametrize(
    "values",
    [
        ["198.51.100.9, 203.0.113.77"],
        ["198.51.100.9", "203.0.113.77"],
        ["garbage, 203.0.113.77"],
        ["10.9.9.9, 203.0.113.77"],
        ["198.51.100.9, 203.0.113.77, 10.0.0.6"],
        ["198.51.100.9,203.0.113.77 ,  10.0.0.6"],
    ],
)
def test_caller_cannot_put_an_address_before_the_edges(values: list[str]) -> None:
    assert BEHIND_EDGE.of(EDGE, values) == "203.0.113.0"


@pytest.mark.parametrize(
    "values", [[], [""], ["10.0.0.6"], ["203.0.113.77, garbage"], ["203.0.113.77,"], ["203.0.113.77, ::1::"]]
)
def test_unreadable_last_hop_is_nobody(values: list[str]) -> None:
    assert BEHIND_EDGE.of(EDGE, values) == UNKNOWN


def test_ten_thousand_hops_are_read_from_the_end() -> None:
    assert BEHIND_EDGE.of(EDGE, [",".join(["198.51.100.9"] * 10_000 + ["203.0.113.77"])]) == "203.0.113.0"


@pytest.mark.parametrize(
    ("peer", "forwarded", "kind"),
    [
        ("10.0.0.5", ["203.0.113.9"], "city"),
        ("10.0.0.5", ["2001:db8:c17::9"], "city"),
        ("10.0.0.5", ["::ffff:203.0.113.9"], "city"),
        ("10.0.0.5", ["113.160.0.9"], "internet"),
        ("10.0.0.5", ["2405:4800::9"], "internet"),
        ("10.0.0.5", ["192.168.1.9"], "unknown"),
        ("10.0.0.5", ["garbage"], "unknown"),
        ("10.0.0.5", [], "unknown"),
        (None, [], "unknown"),
    ],
)
def test_kind_of_network_is_told_and_no_more(peer: str | None, forwarded: list[str], kind: str) -> None:
    networks = Networks(["10.0.0.0/8"], ["203.0.113.0/24", "2001:db8:c17::/48"])
    assert networks.kind_of(peer, forwarded) == kind


def test_stranger_does_not_make_himself_an_office_of_the_city() -> None:
    networks = Networks(["10.0.0.0/8"], ["203.0.113.0/24"])
    assert networks.kind_of("113.160.0.9", ["203.0.113.9"]) == "internet"
