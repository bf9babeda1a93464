"""A demo person at the vault, on the enrolled device if there is one; faults of the way as the stack's."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import httpx
from joserfc.jwk import ECKey

from cli import place
from cli.client import ApiRefused, IocClient, LoginRefused, Person
from cli.graphql import endpoints
from cli.vault_client import KeysetRefused, Pinned, VaultClient, VaultSaidNo
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.realms import OFFICIALS
from stack.vault_authority import DemoAuthority
from stack.vault_keys import VaultKeys
from vault.call.errors import AnswerNotGenuine


def client_of(stack: EmbeddedStack, person: IocClient) -> VaultClient:
    """The client, with this installation's roots pinned."""
    seen = stack.home.folder / "run" / "vault-seen.json"
    pinned = Pinned.of(VaultKeys(stack.home).roots, seen)
    return VaultClient(person, pinned, stack.services.vault_url)


@contextlib.asynccontextmanager
async def at_vault(
    stack: EmbeddedStack, name: str, device: ECKey | None = None
) -> AsyncIterator[VaultClient]:
    """`name` signed in on `device`, else on the enrolled one, else on any. Raises StackError."""
    if place.person(stack.home, name)["realm"] != OFFICIALS:
        raise StackError("vault", f"{name} is no official", "choose minh, thao, quang or another official")
    who = Person.from_home(stack.home.folder, name)
    key = device or DemoAuthority(stack.home).device(name)
    async with IocClient(
        stack.home.folder, who, endpoints(stack), remember=device is None, device=key
    ) as person:
        yield client_of(stack, person)


@contextlib.contextmanager
def faults_told() -> Iterator[None]:
    """What may go wrong on the way, as StackError."""
    try:
        yield
    except ApiRefused as error:
        raise StackError("edge", f"not passed on: {error}", "./ioc logs edge; ./ioc logs api") from error
    except VaultSaidNo as error:
        raise StackError("vault", f"not answered: {error}", "./ioc status; ./ioc logs vault") from error
    except (AnswerNotGenuine, KeysetRefused) as error:
        raise StackError(
            "vault", f"what came back is not the vault's ({type(error).__name__})", "tell the operator"
        ) from error
    except LoginRefused as error:
        raise StackError("keycloak", f"not let in: {error}", "./ioc logs keycloak") from error
    except httpx.TransportError as error:
        raise StackError("stack", f"no answer: {error}", "./ioc status, ./ioc up") from error
