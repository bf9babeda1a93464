"""`ioc graphql`: a document as a demo person, through the real sign-in."""

import asyncio
import json
from typing import Annotated, Any

import httpx
import typer

from cli import place
from cli.client import ApiRefused, Endpoints, IocClient, LoginRefused, Person, https_client
from stack.embedded import EmbeddedStack
from stack.errors import StackError

ANONYMOUS = "anonymous"


def graphql(
    document: Annotated[str, typer.Argument(help="The query or mutation.")],
    person: Annotated[str, typer.Option("--as", help="A demo person, or anonymous.")],
    variables: Annotated[str, typer.Option(help="A JSON object.")] = "{}",
    language: Annotated[str, typer.Option(help="vi or en.")] = "vi",
) -> None:
    """Run a document and print the answer. Exit code 1 when it has errors."""
    stack = place.existing()
    if person != ANONYMOUS:
        place.person(stack.home, person)
    values = _object(variables)
    try:
        answer = asyncio.run(_ask(stack, person, document, values, language))
    except ApiRefused as error:
        raise StackError("api", str(error), error.www_authenticate or "./ioc logs api") from error
    except LoginRefused as error:
        raise StackError("keycloak", f"{person} was not let in: {error}", "./ioc logs keycloak") from error
    except httpx.TransportError as error:
        raise StackError("stack", f"no answer: {error}", "./ioc status, ./ioc up") from error
    typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    if answer.get("errors"):
        raise typer.Exit(1)


def endpoints(stack: EmbeddedStack) -> Endpoints:
    """Where the client finds this stack."""
    return Endpoints(stack.services.keycloak_url, stack.services.api_url, stack.certificates.authority)


def _object(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--variables") from error
    if not isinstance(values, dict):
        raise typer.BadParameter("not a JSON object", param_hint="--variables")
    return values


async def _ask(
    stack: EmbeddedStack, person: str, document: str, variables: dict[str, Any], language: str
) -> dict[str, Any]:
    if person == ANONYMOUS:
        return await _ask_anonymously(stack, document, variables, language)
    who = Person.from_home(stack.home.folder, person)
    client = IocClient(stack.home.folder, who, endpoints(stack), remember=True, language=language)
    async with client:
        return await client.graphql(document, variables)


async def _ask_anonymously(
    stack: EmbeddedStack, document: str, variables: dict[str, Any], language: str
) -> dict[str, Any]:
    async with https_client(stack.certificates.authority) as client:
        response = await client.post(
            f"{stack.services.api_url}/graphql",
            json={"query": document, "variables": variables},
            headers={"Accept-Language": language},
        )
    if response.is_error:
        raise ApiRefused(response)
    answer: dict[str, Any] = response.json()
    return answer
