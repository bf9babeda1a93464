"""deploy/observability: every expression parses and asks for metrics and labels that a process has."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram

from foundation.telemetry import metrics
from stack.home import ROOT
from stack.ports import FIRST, Ports

FOLDER = ROOT / "deploy" / "observability"
RULES: dict[str, Any] = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana.json").read_text(encoding="utf-8"))
SCRAPED: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
RUNBOOK = "docs/operations/observability.md"
ALERTS: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
OF_PROMETHEUS = {"job", "instance", "service"}
"""Labels that the scraper adds (prometheus.yml)."""


def _ours() -> dict[str, set[str]]:
    """Names of series with their labels, as they are exposed."""
    found = {"up": set()}
    for metric in vars(metrics).values():
        labels = set(getattr(metric, "_labelnames", ()))
        match metric:
            case Counter():
                found[f"{metric._name}_total"] = labels
            case Gauge():
                found[metric._name] = labels
            case Histogram():
                found |= {f"{metric._name}_{part}": labels for part in ("count", "sum")}
                found[f"{metric._name}_bucket"] = labels | {"le"}
    return found


OURS = _ours()


def _expressions() -> Iterator[tuple[str, str]]:
    for alert in ALERTS:
        yield alert["alert"], alert["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]


EXPRESSIONS = dict(_expressions())


def _selectors(expression: Any) -> Iterator[Any]:
    found: list[Any] = []

    def keep(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(expression, keep)
    yield from found


def _grouped(expression: str) -> set[str]:
    return {
        label.strip()
        for labels in re.findall(r"\b(?:by|without|on) \(([^)]*)\)", expression)
        for label in labels.split(",")
        if label.strip()
    }


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expression_asks_for_what_there_is(name: str) -> None:
    expression = EXPRESSIONS[name]
    selectors = list(_selectors(promql_parser.parse(expression)))
    assert selectors
    labels: set[str] = set()
    for selector in selectors:
        assert selector.name in OURS, selector.name
        known = OURS[selector.name] | OF_PROMETHEUS
        assert {matcher.name for matcher in selector.matchers.matchers} <= known
        labels |= known
    assert _grouped(expression) <= labels


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alert_says_what_it_is_and_where_to_read_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert re.fullmatch(r"[0-9]+[sm]", alert["for"])
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["summary_vi"]
    assert alert["annotations"]["runbook"] == f"{RUNBOOK}#{alert['alert'].lower()}"
    shown = set(re.findall(r"\$labels\.([a-z_]+)", json.dumps(alert["annotations"])))
    assert shown <= _grouped(alert["expr"]) | ({"service"} if "up{" in alert["expr"] else set())


def test_the_runbook_has_a_section_for_each_alert_and_for_no_other() -> None:
    text = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    sections = re.findall(r"^### ([A-Z][A-Za-z]+)$", text, re.MULTILINE)
    assert sorted(sections) == sorted(alert["alert"] for alert in ALERTS)


def test_alerts_cover_what_was_asked_for() -> None:
    wanted = {
        "RelayBehind",
        "SocAway",
        "JobsStuck",
        "LiveInterrupted",
        "LiveFaultsRepeat",
        "KeycloakAway",
        "CertificateEndsSoon",
        "DiskLow",
        "ClockOff",
        "FaultsMany",
        "AnswersSlow",
        "DaysOffMissing",
        "ArchiveBehind",
        "BackupOld",
    }
    assert wanted <= {alert["alert"] for alert in ALERTS}


def test_every_process_is_scraped_where_it_listens() -> None:
    ports = Ports.following(FIRST)
    found = {
        entry["labels"]["service"]: entry["targets"]
        for job in SCRAPED["scrape_configs"]
        for entry in job["static_configs"]
    }
    services = ("api", "worker", "relay", "directory", "edge_events", "archiver", "vault", "vault_relay")
    assert found == {name: [f"127.0.0.1:{ports.operations(name)}"] for name in services}
    assert [job["job_name"] for job in SCRAPED["scrape_configs"]] == ["hanoi-ioc"]


def test_panels_are_told_apart_and_take_the_chosen_source() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}


def test_a_metric_that_is_not_there_and_a_label_that_it_has_not_are_noticed() -> None:
    (selector,) = _selectors(promql_parser.parse('sum(rate(ioc_request_total{operatoin="x"}[5m]))'))
    assert selector.name not in OURS
    assert {matcher.name for matcher in selector.matchers.matchers} - OURS["ioc_requests_total"] == {
        "operatoin"
    }
