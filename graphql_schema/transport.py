"""GraphQL over HTTP: what a request says and how an answer is written (graphql-over-http draft, 2025)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import msgspec
from litestar.types import HTTPScope, Receive

from backend.vault_gateway.types import NO_CREDENTIALS, Credentials
from graphql_schema.limits import RequestRefused

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
_LANGUAGES = ("vi", "en")
_UTF8 = frozenset({None, "utf-8", "utf8", '"utf-8"'})
_PARAMETERS = 4
_MEMBERS = frozenset({"query", "documentId", "variables", "operationName", "extensions"})


class TransportRefused(RequestRefused):
    """Not a GraphQL request at all: its status is the same for both media types."""

    in_200 = False


class MalformedJson(TransportRefused):
    """The body is not JSON."""

    code = "graphql.malformed_json"


class MalformedRequest(TransportRefused):
    """JSON, but not a GraphQL request."""

    code = "graphql.malformed_request"
    status: ClassVar[int] = 422


class BatchingRefused(TransportRefused):
    """A list of requests: each is sent on its own."""

    code = "graphql.batching"
    status: ClassVar[int] = 422


class RequestTooLarge(TransportRefused):
    """More octets than a request may have."""

    code = "graphql.request_too_large"
    status: ClassVar[int] = 413


class BodyTooSlow(TransportRefused):
    """A body that did not arrive in time."""

    code = "graphql.body_too_slow"
    status: ClassVar[int] = 408


class MethodRefused(TransportRefused):
    """Neither POST nor GET."""

    code = "graphql.method"
    status: ClassVar[int] = 405


class GetIsPublic(TransportRefused):
    """GET with a document that is not public, or that changes something."""

    code = "graphql.get_is_public_only"
    status: ClassVar[int] = 405


class UnsupportedMediaType(TransportRefused):
    """A body that is not plain application/json in UTF-8."""

    code = "graphql.unsupported_media_type"
    status: ClassVar[int] = 415


class NotAcceptable(TransportRefused):
    """The caller accepts neither of our two media types."""

    code = "graphql.not_acceptable"
    status: ClassVar[int] = 406


@dataclass(frozen=True, slots=True)
class Headers:
    """The headers of a request: every value of each name, in order."""

    pairs: Sequence[tuple[bytes, bytes]]

    def all(self, name: str) -> tuple[str, ...]:
        """All values."""
        wanted = name.encode("ascii")
        return tuple(value.decode("latin-1") for key, value in self.pairs if key.lower() == wanted)

    def one(self, name: str) -> str | None:
        """The values as one list, None when absent (RFC 9110, 5.3)."""
        values = self.all(name)
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestParts:
    """What identity needs of a request. `path` has no query; headers keep every value they came with."""

    method: str
    path: str
    authorization: tuple[str, ...]
    dpop: tuple[str, ...]
    forwarded_for: tuple[str, ...]
    peer: str | None
    language: str
    request_id: str
    app: tuple[str, ...] = ()
    """`Ioc-App`."""
    traceparent: str | None = None
    """The edge's (W3C Trace Context): what a caller sends there is replaced."""
    vault: Credentials = NO_CREDENTIALS
    """`Vault-Authorization` and `Vault-DPoP`, for the vault alone."""


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """A request as it was sent; `variables` are JSON, not yet coerced."""

    query: str | None
    document_id: str | None
    operation_name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


def language_of(accept_language: str | None) -> str:
    """ "vi" or "en", whichever is preferred (RFC 9110, 12.5.4); "vi" when neither is named."""
    best, quality = _LANGUAGES[0], 0.0
    for name, given in _weighted(accept_language or ""):
        primary = name.split("-")[0]
        if primary in _LANGUAGES and given > quality:
            best, quality = primary, given
    return best


def media_type_of(accept: str | None) -> str:
    """The media type of the answer. Raises NotAcceptable."""
    if accept is None or not accept.strip():
        return JSON
    best, quality = None, 0.0
    for name, given in _weighted(accept):
        offered = {GRAPHQL_JSON: GRAPHQL_JSON, JSON: JSON, "*/*": JSON, "application/*": JSON}.get(name)
        if offered is not None and given > quality:
            best, quality = offered, given
    if best is None:
        raise NotAcceptable
    return best


def check_content_type(headers: Headers) -> None:
    """Raise UnsupportedMediaType unless the body is uncompressed JSON in UTF-8."""
    name, _, parameters = (headers.one("content-type") or "").partition(";")
    match = re.search(r"charset\s*=\s*([^;\s]+)", parameters.lower())
    plain = (headers.one("content-encoding") or "identity").strip().lower() == "identity"
    if name.strip().lower() != JSON or (match and match[1] not in _UTF8) or not plain:
        raise UnsupportedMediaType


async def read_body(receive: Receive, most: int) -> bytes:
    """The body. Raises RequestTooLarge as soon as it is."""
    octets = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise MalformedRequest
        octets += message["body"]
        if len(octets) > most:
            raise RequestTooLarge
        more = message["more_body"]
    return bytes(octets)


def request_of_body(body: bytes) -> GraphQLRequest:
    """The request in a POST's body. Raises MalformedJson, MalformedRequest or BatchingRefused."""
    return _request_of(_json(body))


def request_of_query(scope: HTTPScope) -> GraphQLRequest:
    """The request in a GET's query. Raises as `request_of_body`."""
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(scope["query_string"]),
            max_num_fields=_PARAMETERS,
            errors="strict",
        )
    except ValueError as error:
        raise MalformedRequest from error
    found: dict[str, Any] = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedRequest
    for name in ("variables", "extensions"):
        if name in found:
            found[name] = _json(found[name].encode("utf-8"))
    return _request_of(found)


def etag_of(digest: str) -> str:
    """A strong validator (RFC 9110, 8.8.3)."""
    return f'"{digest}"'


def _json(octets: bytes) -> Any:
    try:
        return msgspec.json.decode(octets)
    except (ValueError, RecursionError) as error:  # msgspec's own error, or that of bad UTF-8
        raise MalformedJson from error


def _request_of(body: Any) -> GraphQLRequest:
    if isinstance(body, list):
        raise BatchingRefused
    if not isinstance(body, dict) or not body.keys() <= _MEMBERS:
        raise MalformedRequest
    query, operation_name = _text(body.get("query")), _text(body.get("operationName"))
    document_id = _text(body.get("documentId"))
    persisted = _map(_map(body.get("extensions")).get("persistedQuery"))
    if persisted:
        document_id = _persisted(persisted, document_id)
    if query is None and document_id is None:
        raise MalformedRequest
    return GraphQLRequest(query, document_id, operation_name, _map(body.get("variables")))


def _persisted(persisted: Mapping[str, Any], document_id: str | None) -> str:
    """The id in Apollo's form; where both forms are sent, they name the same document."""
    digest = _text(persisted.get("sha256Hash"))
    if persisted.get("version") != 1 or digest is None:
        raise MalformedRequest
    if document_id not in {None, f"sha256:{digest}"}:
        raise MalformedRequest
    return f"sha256:{digest}"


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise MalformedRequest
    return value


def _map(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedRequest
    return value


def _weighted(header: str) -> list[tuple[str, float]]:
    """(name, quality) of a header's alternatives, as they stand; an unreadable quality counts as 0."""
    found = []
    for alternative in header.lower()[:1_000].split(","):
        name, *parameters = (part.strip() for part in alternative.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        known = re.fullmatch(r"[01](\.[0-9]{0,3})?", quality)
        found.append((name, float(quality) if known else 0.0))
    return found
