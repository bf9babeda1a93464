"""The attack list and the list of everyday traffic, against the real edge."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from tests.edge.rig import Behind, Rig, running_edge

FOLDER = Path(__file__).parent / "edge"
ATTACKS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "attacks.yaml").read_text(encoding="utf-8"))
NORMAL: list[dict[str, Any]] = yaml.safe_load((FOLDER / "normal.yaml").read_text(encoding="utf-8"))
STOPPED_BY_RULES = [attack for attack in ATTACKS if attack.get("guard") == "rules"]
OUTSIDE: dict[str, Any] = {"inside": ("192.0.2.0/24",)}


def name_of(case: dict[str, Any]) -> str:
    return str(case["name"]).replace(" ", "-")


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """The edge as strangers see it."""
    with running_edge(**OUTSIDE) as running:
        yield running


@pytest.fixture(scope="module")
def without_rules() -> Iterator[Rig]:
    with running_edge(**OUTSIDE, rules=False) as running:
        yield running


def send(rig: Rig, case: dict[str, Any], network: str = "127.0.0.1") -> int:
    """The status of the answer to a caller at this loopback address."""
    port = rig.edge.ports.keycloak if case.get("to") == "keycloak" else rig.edge.ports.edge
    if "raw" in case:
        octets = case["raw"].replace("{host}", f"localhost:{port}").encode("latin-1")
        return int(rig.raw(octets, port, network).split(b" ", 2)[1])
    headers = dict(case.get("headers", {}))
    content = case.get("body", "").encode("latin-1")
    if "json" in case:
        headers["content-type"], content = (
            "application/json",
            json.dumps(case["json"], ensure_ascii=False).encode(),
        )
    if "form" in case:
        headers["content-type"] = "application/x-www-form-urlencoded"
        content = urlencode(case["form"]).encode()
    if "large" in case:
        content = b"\xff" * case["large"]
    if "base64_variable" in case:
        variable = base64.b64encode(bytes(n * 7 % 256 for n in range(case["base64_variable"]))).decode()
        headers["content-type"] = "application/json"
        content = json.dumps({"documentId": "x", "variables": {"sealed": variable}}).encode()
    if case.get("long_credentials"):
        part = base64.urlsafe_b64encode(bytes(n * 11 % 256 for n in range(2800))).decode()
        headers |= {
            "authorization": f"DPoP eyJhbGciOiJFUzI1NiJ9.{part}.{part[:86]}",
            "dpop": f"eyJ0.{part}.x",
        }
    if "large_header" in case:
        headers["x-long"] = "x" * case["large_header"]
    path = case["path"] + (f"?documentId={'x' * case['large_query']}" if "large_query" in case else "")
    with rig.client(network) as client:
        answer = client.request(
            case["method"], f"https://localhost:{port}{path}", content=content, headers=headers
        )
    return answer.status_code


def behind(rig: Rig, case: dict[str, Any]) -> Behind:
    return rig.keycloak if case.get("to") == "keycloak" else rig.api


def told(rig: Rig, network: str) -> list[str]:
    """Reasons of the refusals of this network: the line is written when the answer is out."""
    file = rig.edge.run / "refused.jsonl"
    for _ in range(3000):
        lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
        reasons = [line["reason"] for line in lines if line["network"] == network]
        if reasons:
            return reasons
        time.sleep(0.02)
    return []


@pytest.mark.parametrize("attack", ATTACKS, ids=name_of)
def test_attack_is_refused_and_reaches_nobody(rig: Rig, attack: dict[str, Any]) -> None:
    reached = len(rig.api.requests) + len(rig.keycloak.requests)
    assert send(rig, attack) == attack["status"]
    assert len(rig.api.requests) + len(rig.keycloak.requests) == reached


@pytest.mark.parametrize("attack", [one for one in ATTACKS if "reason" in one], ids=name_of)
def test_attack_is_told_by_its_kind_alone(rig: Rig, attack: dict[str, Any]) -> None:
    # A network of its own: the line of what was refused before may come only now.
    third = 100 + ATTACKS.index(attack)
    send(rig, attack, f"127.0.{third}.1")
    assert told(rig, f"127.0.{third}.0") == [attack["reason"]]


@pytest.mark.parametrize("attack", STOPPED_BY_RULES, ids=name_of)
def test_attack_passes_when_the_rules_are_off(without_rules: Rig, attack: dict[str, Any]) -> None:
    reached = len(behind(without_rules, attack).requests)
    assert send(without_rules, attack) == 200
    assert len(behind(without_rules, attack).requests) == reached + 1


@pytest.mark.parametrize("case", NORMAL, ids=name_of)
def test_everyday_traffic_passes(rig: Rig, case: dict[str, Any]) -> None:
    reached = len(behind(rig, case).requests)
    assert send(rig, case) == 200
    assert len(behind(rig, case).requests) == reached + 1
