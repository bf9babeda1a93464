"""The api's way to the vault, put together: mutual TLS with an authority for that alone."""

import ssl

import httpx

from backend.vault_gateway.service import VaultGateway
from foundation.settings import VaultGatewaySettings

CONNECT_SECONDS = 2.0
CONNECTIONS = 32


def vault_gateway_of(settings: VaultGatewaySettings | None) -> VaultGateway | None:
    """The gateway, when the settings name a vault."""
    if settings is None:
        return None
    context = ssl.create_default_context(cafile=str(settings.ca_file))
    context.load_cert_chain(settings.certificate_file, settings.key_file)
    http = httpx.AsyncClient(
        base_url=settings.url,
        verify=context,
        timeout=httpx.Timeout(settings.seconds, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=CONNECTIONS),
        follow_redirects=False,
        trust_env=False,
    )
    return VaultGateway(http, settings.seconds)
