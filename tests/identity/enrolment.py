"""Somebody who registers a passkey on any page of Keycloak's that lets him."""

from dataclasses import dataclass, field

from cli.client import IocClient
from cli.login import Form, Person, SignIn, TotpCodes, challenge_of, origin_of
from tests.identity.software_passkey import SoftwarePasskey


@dataclass
class Enrolment(SignIn):
    """A sign-in that answers registration pages with `newcomer`."""

    newcomer: SoftwarePasskey = field(default_factory=SoftwarePasskey)

    @classmethod
    def of(cls, client: IocClient, codes: TotpCodes, newcomer: SoftwarePasskey) -> "Enrolment":
        """In the browser of a client that has signed in."""
        callback = f"{client.endpoints.api_url}/app/callback"
        return cls(client.http, client.issuer, callback, client.key, codes, newcomer, newcomer=newcomer)

    def fields(self) -> set[str]:
        return super().fields() | {"attestationObject"}

    async def answers(self, person: Person, form: Form, page: str) -> dict[str, str]:
        if "attestationObject" in form.values:
            return self.newcomer.registration(challenge_of(page), origin_of(self.issuer))
        return await super().answers(person, form, page)
