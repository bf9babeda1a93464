"""private_key_jwt (RFC 7523, 3): how our confidential clients prove themselves to Keycloak."""

import secrets
from datetime import datetime

from joserfc.jwk import ECKey

from foundation.identity import jose
from foundation.settings import KeycloakClientSettings, read_secret

LIFE_SECONDS = 30


class ClientAssertion:
    """Makes assertions of one client with its ES256 key."""

    def __init__(self, settings: KeycloakClientSettings) -> None:
        self._client_id = settings.client_id
        self._key = ECKey.import_key(read_secret(settings.key_file))
        self._kid = self._key.thumbprint()

    def form(self, issuer: str, now: datetime) -> dict[str, str]:
        """Form fields that authenticate one request to `issuer`; Keycloak refuses a second use."""
        issued = int(now.timestamp())
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": issued,
            "exp": issued + LIFE_SECONDS,
        }
        return {
            "client_id": self._client_id,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jose.sign({"kid": self._kid}, claims, self._key),
        }
