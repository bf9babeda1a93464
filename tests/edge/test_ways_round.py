"""Every test meets the api through the edge, but those that are named here with their reason.

The running stack's api serves who shows the edge's certificate (`test_behind.py`): to go round takes that
certificate, an api in the test's own process, or an api process without an edge. Each leaves a word behind.
"""

import re
from pathlib import Path

import pytest

from stack.home import ROOT

WORDS = re.compile(
    r"""
    \bports\.(?:api|keycloak_inside)\b   # the ports behind the edge
    | \bedge_client\b                    # the certificate that opens the api
    | \b(?:TestClient|AsyncTestClient|ASGITransport)\b   # an api in this process
    | \bGranian\(                        # a server of the test's own
    | "services\.api"                    # an api process of the test's own
    | client_ca_file=None                # an api that serves anybody
    """,
    re.VERBOSE,
)
OWN_WALLS = {
    "benchmarks/_live_server.py": "measures one process's fan-out: an edge would measure itself",
    "security_tests/attacks/flood.py": "callers of thousands of networks, which one machine can't have",
    "security_tests/attacks/identity/api_process.py": "realms whose keys the tests hold: the api's own door",
    "security_tests/attacks/identity/conftest.py": "the settings of those processes",
    "security_tests/attacks/identity/strict_api.py": "one of those, with a field that asks for aal3",
    "security_tests/attacks/identity/test_identity_step_up.py": "a second of those processes",
    "security_tests/attacks/served.py": "slow clients and sizes: the api's own limits",
    "tests/backend/channels/rig.py": "channels of many networks, on a frozen clock",
    "tests/backend/statistics/test_publishing.py": "the map's headers, on a frozen clock",
    "tests/backend/devices/rig.py": "headers that the edge would take away",
    "tests/backend/media/rig.py": "uploads that break off; scenarios pass the edge",
    "tests/edge/rig.py": "the servers behind an edge that say what reached them",
    "tests/edge/test_behind.py": "that nobody goes past the edge",
    "tests/graphql_schema/conftest.py": "what the route takes passes an edge as well",
    "tests/graphql_schema/test_identity.py": "a header twice, which httpx's test client folds into one",
    "tests/graphql_schema/test_live_ends.py": "as test_live.py, with an api that can't be asked",
    "tests/graphql_schema/test_live.py": "sockets from inside; scenarios pass the edge",
    "tests/scenarios/test_copies.py": "what two processes of one api count together",
    "tests/scenarios/test_vault.py": "that the vault hears none but the api",
    "tests/scenarios/test_draining.py": "which of two copies the edge is led to",
    "tests/test_compose_parts.py": "names the certificate in the edge's settings; calls nobody",
}
"""What goes round the edge, and why it must."""
HERE = "tests/edge/test_ways_round.py"


def ways_round(folder: Path) -> set[str]:
    """Files that have one of the words, as paths below `folder`."""
    files = [
        file for name in ("tests", "security_tests", "benchmarks") for file in (folder / name).rglob("*.py")
    ]
    found = {
        file.relative_to(folder).as_posix()
        for file in files
        if WORDS.search(file.read_text(encoding="utf-8"))
    }
    return found - {HERE}


def test_nobody_goes_round_the_edge_but_who_is_named() -> None:
    assert ways_round(ROOT) == set(OWN_WALLS)


@pytest.mark.parametrize(
    "line",
    [
        'client.get(f"https://localhost:{stack.ports.api}/graphql")',
        "trust.load_cert_chain(stack.certificates.edge_client.certificate)",
        "transport = httpx.ASGITransport(app)",
        'command = [sys.executable, "-m", "services.api"]',
    ],
)
def test_new_way_round_is_seen(tmp_path: Path, line: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_new.py").write_text(line, encoding="utf-8")
    assert ways_round(tmp_path) == {"tests/test_new.py"}
