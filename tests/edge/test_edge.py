"""The edge itself: names, TLS, what it says of a caller, limits by network, slow and large requests."""

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from stack.edge import EdgeLimits
from tests.edge.rig import Rig, read_all, running_edge

FORGED = {
    "x-forwarded-for": "203.0.113.9",
    "forwarded": "for=203.0.113.9",
    "x-real-ip": "203.0.113.9",
    "x-forwarded-host": "evil.test",
    "x-forwarded-proto": "http",
    "x-forwarded-prefix": "/admin",
    "true-client-ip": "203.0.113.9",
    "x-original-url": "/admin",
    "x-http-method-override": "DELETE",
}


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with running_edge() as running:
        yield running


@pytest.fixture(scope="module")
def narrow() -> Iterator[Rig]:
    """Short times and few requests; 127.0.0.0/24 alone is inside."""
    limits = EdgeLimits(
        graphql_rate=1,
        graphql_burst=2,
        identity_rate=1,
        identity_burst=2,
        upload_rate=1,
        upload_burst=2,
        media_rate=1,
        media_burst=2,
        connections=3,
        header_seconds=1,
        body_seconds=1,
        upload_seconds=1,
    )
    with running_edge(limits=limits) as running:
        yield running


def connect(rig: Rig) -> socket.socket:
    return socket.create_connection(("127.0.0.1", rig.edge.ports.edge))


def ask(rig: Rig, **options: object) -> httpx.Response:
    with rig.client() as client:
        return client.post(f"{rig.url}/graphql", json={"documentId": "x"}, **options)  # type: ignore[arg-type]


def test_http_2_is_spoken(rig: Rig) -> None:
    trust = rig.trust
    trust.set_alpn_protocols(["h2", "http/1.1"])
    with connect(rig) as plain, trust.wrap_socket(plain, server_hostname="localhost") as secure:
        assert (secure.version(), secure.selected_alpn_protocol()) == ("TLSv1.3", "h2")


def test_tls_1_2_is_refused(rig: Rig) -> None:
    trust = rig.trust
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    with connect(rig) as plain, pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        trust.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("name", ["evil.test", "127.0.0.1", None])
def test_other_name_gets_no_certificate(rig: Rig, name: str | None) -> None:
    trust = rig.trust
    trust.check_hostname = False
    with connect(rig) as plain, pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        trust.wrap_socket(plain, server_hostname=name)


def test_caller_can_not_say_who_he_is(rig: Rig) -> None:
    with rig.client("127.0.7.1") as client:
        client.post(f"{rig.url}/graphql", json={}, headers=FORGED)
    reached = dict(rig.api.requests[-1]["headers"])
    assert {name: reached[name] for name in FORGED if name in reached} == {
        "x-forwarded-for": "127.0.7.1",
        "x-forwarded-proto": "https",
    }
    assert reached["host"] == f"localhost:{rig.edge.ports.edge}"


def test_caller_names_no_trace_and_the_edge_names_one_for_each_request(rig: Rig) -> None:
    given = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "evil=1",
        "baggage": "person=lan",
    }
    for _ in range(2):
        ask(rig, headers=given)
    first, second = (dict(one["headers"]) for one in rig.api.requests[-2:])
    assert "tracestate" not in first
    assert "baggage" not in first
    shape = r"00-[0-9a-f]{32}-[0-9a-f]{16}-00"  # W3C Trace Context, 3.2; not sampled: the services decide
    assert re.fullmatch(shape, first["traceparent"])
    assert first["traceparent"][3:35] not in {given["traceparent"][3:35], second["traceparent"][3:35]}


def test_keycloak_hears_the_public_address_alone(rig: Rig) -> None:
    with rig.client("127.0.7.1") as client:
        client.get(f"{rig.keycloak_url}/realms/ihanoi/protocol/openid-connect/certs", headers=FORGED)
    reached = dict(rig.keycloak.requests[-1]["headers"])
    assert {name: reached[name] for name in FORGED if name in reached} == {
        "x-forwarded-for": "127.0.7.1",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "localhost",
    }
    assert reached["x-forwarded-port"] == str(rig.edge.ports.keycloak)


def test_token_and_proof_pass_unchanged(rig: Rig) -> None:
    sent = {"authorization": "DPoP eyJ.a_b-c.d", "dpop": "eyJ.e_f-g.h", "accept-language": "vi"}
    ask(rig, headers=sent)
    reached = dict(rig.api.requests[-1]["headers"])
    assert {name: reached[name] for name in sent} == sent


def test_answers_tell_no_version_and_have_security_headers(rig: Rig) -> None:
    rig.api.headers = {"Server": "granian 2.8.7", "X-Powered-By": "Litestar"}
    answer = ask(rig)
    rig.api.headers = {}
    assert answer.headers["server"] == "nginx"
    assert "x-powered-by" not in answer.headers
    assert answer.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"


def test_refusal_is_typed_and_in_the_callers_language(rig: Rig) -> None:
    with rig.client() as client:
        answer = client.get(f"{rig.url}/graphql?documentId=<script>alert(1)</script>")
        english = client.get(f"{rig.url}/nothing", headers={"accept-language": "en"})
    assert answer.json()["errors"][0]["extensions"]["code"] == "edge.refused"
    assert answer.json()["errors"][0]["message"] == "Yêu cầu bị từ chối."
    assert english.json()["errors"][0]["message"] == "The request was refused."


def test_answer_of_the_api_is_not_replaced(rig: Rig) -> None:
    rig.api.status = 401
    answer = ask(rig)
    rig.api.status = 200
    assert (answer.status_code, answer.json()) == (401, {"reached": True})


def test_service_away_is_a_typed_503() -> None:
    with running_edge() as rig:
        rig.api.requests.clear()
        rig.stop_api()
        answer = ask(rig)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (503, "edge.unavailable")


def test_certificate_of_another_authority_behind_the_edge_is_refused() -> None:
    with running_edge(api_certificate="soc") as rig:
        answer = ask(rig)
        assert answer.status_code == 503
        assert rig.api.requests == []


@pytest.mark.parametrize(
    ("method", "path", "network"),
    [
        ("GET", "/graphql", "127.0.11.1"),
        ("POST", "/media", "127.0.12.1"),
        ("GET", "/media/AbCd_-12", "127.0.16.1"),
    ],
)
def test_network_above_its_rate_must_wait_and_others_need_not(
    narrow: Rig, method: str, path: str, network: str
) -> None:
    with narrow.client(network) as client, narrow.client("127.0.13.1") as other:
        statuses = [client.request(method, narrow.url + path).status_code for _ in range(4)]
        answer = client.request(method, narrow.url + path)
        assert statuses == [200, 200, 200, 429]
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["errors"][0]["extensions"]["code"] == "edge.too_many"
        assert other.request(method, narrow.url + path).status_code == 200


def test_photos_of_a_list_are_read_at_once_and_take_no_upload_away(rig: Rig) -> None:
    """A screen of thumbnails, or a carrier's network: more than uploads may be."""
    limits = rig.edge.limits
    reads = limits.upload_burst + 10 * limits.upload_rate
    with rig.client("127.0.17.1") as client:
        read = [client.get(f"{rig.url}/media/AbCd_-12").status_code for _ in range(reads)]
        looked = client.head(f"{rig.url}/media/AbCd_-12").status_code
        sent = [client.post(f"{rig.url}/media").status_code for _ in range(limits.upload_burst)]
    assert (set(read), looked, set(sent)) == ({200}, 200, {200})


def test_network_that_sends_no_more_may_still_read(narrow: Rig) -> None:
    with narrow.client("127.0.18.1") as client:
        sent = [client.post(f"{narrow.url}/media").status_code for _ in range(4)]
        read = client.get(f"{narrow.url}/media/AbCd_-12").status_code
    assert (sent, read) == ([200, 200, 200, 429], 200)


def test_addresses_of_one_network_share_its_rate(narrow: Rig) -> None:
    statuses = []
    for last in range(1, 5):
        with narrow.client(f"127.0.14.{last}") as client:
            statuses.append(client.get(f"{narrow.url}/graphql").status_code)
    assert statuses == [200, 200, 200, 429]


def test_sign_in_is_limited_for_strangers_and_not_for_our_services(narrow: Rig) -> None:
    url = f"{narrow.keycloak_url}/realms/ihanoi/protocol/openid-connect/certs"
    with narrow.client("127.0.15.1") as stranger, narrow.client("127.0.0.1") as service:
        assert [stranger.get(url).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert [service.get(url).status_code for _ in range(4)] == [200, 200, 200, 200]


def test_slow_header_is_cut_off(narrow: Rig) -> None:
    with narrow.socket() as secure:
        secure.sendall(b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert read_all(secure) == b""


def test_slow_body_is_cut_off_and_reaches_nobody(narrow: Rig) -> None:
    reached = len(narrow.api.requests)
    head = f"POST /media HTTP/1.1\r\nHost: localhost:{narrow.edge.ports.edge}\r\nContent-Length: 100\r\n"
    with narrow.socket() as secure:
        secure.sendall(head.replace("/media", "/identity/backchannel-logout").encode())
        secure.sendall(b"Content-Type: application/x-www-form-urlencoded\r\n\r\na")
        assert read_all(secure) == b""
    assert len(narrow.api.requests) == reached


def test_told_refusals_hold_codes_and_networks_alone(rig: Rig) -> None:
    with rig.client("127.0.21.77") as client:
        client.get(f"{rig.url}/graphql?documentId=1'%20OR%201=1--%20secret-of-somebody")
    file, text = rig.edge.run / "refused.jsonl", ""
    for _ in range(3000):  # the line is written when the answer is out
        text = file.read_text(encoding="utf-8")
        if "127.0.21.0" in text:
            break
        time.sleep(0.02)
    told = [line for line in map(json.loads, text.splitlines()) if line["network"] == "127.0.21.0"]
    assert [(line["reason"], line["route"]) for line in told] == [("edge.rule_sql", "graphql")]
    log = rig.edge.home.log("edge").read_text(encoding="utf-8")
    assert "secret-of-somebody" not in text + log
    assert "127.0.21.77" not in text + log


@pytest.mark.parametrize(
    ("path", "largest"),
    [("/graphql", 128 * 1024), ("/media", 21 * 1024 * 1024), ("/identity/backchannel-logout", 16 * 1024)],
)
def test_largest_body_passes_and_one_octet_more_does_not(rig: Rig, path: str, largest: int) -> None:
    kind = {"/graphql": "application/json", "/media": "image/jpeg"}
    headers = {"content-type": kind.get(path, "application/x-www-form-urlencoded")}
    bodies = {"/graphql": b'{"a":"' + b"x" * (largest - 8) + b'"}', "/media": b"\xff" * largest}
    body = bodies.get(path, b"logout_token=" + b"x" * (largest - 13))
    with rig.client() as client:
        passed = client.post(rig.url + path, content=body, headers=headers)
        assert (len(body), passed.status_code, rig.api.requests[-1]["size"]) == (largest, 200, largest)
        reached = len(rig.api.requests)
        refused = client.post(rig.url + path, content=body + b" ", headers=headers)
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (413, "edge.too_large")
    assert len(rig.api.requests) == reached


@pytest.mark.parametrize(("path", "pieces"), [("/graphql", 3), ("/media", 337)])
def test_body_without_a_length_is_counted_as_it_comes(rig: Rig, path: str, pieces: int) -> None:
    reached = len(rig.api.requests)
    with rig.client() as client:
        answer = client.post(rig.url + path, content=(b"x" * 65_536 for _ in range(pieces)))
    assert (answer.status_code, len(rig.api.requests)) == (413, reached)


@pytest.mark.parametrize("path", ["/graphql", "/media"])
def test_body_that_stops_coming_is_cut_off_on_every_route(narrow: Rig, path: str) -> None:
    reached = len(narrow.api.requests)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost:{narrow.edge.ports.edge}\r\nContent-Length: 100\r\n"
    with narrow.socket() as secure:
        secure.sendall(f"{head}Content-Type: application/json\r\n\r\n{{".encode())
        assert read_all(secure) == b""
    assert len(narrow.api.requests) == reached


def test_connections_of_one_network_are_counted(narrow: Rig) -> None:
    url, reached = f"{narrow.url}/health/live", len(narrow.api.requests)
    narrow.api.may_answer.clear()
    with ThreadPoolExecutor(3) as pool, narrow.client("127.0.31.1") as client:
        waiting = [pool.submit(client.get, url) for _ in range(3)]
        while len(narrow.api.requests) < reached + 3:
            time.sleep(0.01)
        answer = client.get(url)
        narrow.api.may_answer.set()
        assert [one.result().status_code for one in waiting] == [200, 200, 200]
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (429, "edge.too_many")
