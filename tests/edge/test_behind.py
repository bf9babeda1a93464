"""Nobody goes past the edge: the api serves who shows a certificate of the callers' authority."""

import ssl

import httpx
import pytest

from tests.conftest import RunningStack


def trust_of(stack: RunningStack, pair: str | None) -> ssl.SSLContext:
    trust = ssl.create_default_context(cafile=str(stack.endpoints.ca_file))
    if pair is not None:
        shown = getattr(stack.stack.certificates, pair)
        trust.load_cert_chain(shown.certificate, shown.key)
    return trust


@pytest.mark.parametrize("pair", [None, "keycloak", "relay"])
def test_call_past_the_edge_is_refused(running_stack: RunningStack, pair: str | None) -> None:
    url = f"https://localhost:{running_stack.stack.ports.api}/health/live"
    with (
        httpx.Client(verify=trust_of(running_stack, pair), trust_env=False, timeout=60) as client,
        pytest.raises(httpx.TransportError),
    ):
        client.get(url)


def test_edge_is_served(running_stack: RunningStack) -> None:
    url = f"https://localhost:{running_stack.stack.ports.api}/health/live"
    with httpx.Client(verify=trust_of(running_stack, "edge_client"), trust_env=False, timeout=60) as client:
        assert client.get(url).status_code == 200
