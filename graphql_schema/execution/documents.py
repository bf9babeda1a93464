"""Documents: by hash to what is parsed, checked and known about them. Nothing here runs one."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)

from graphql_schema.execution.cost import Cost, cost_of
from graphql_schema.execution.requirements import Requirement, requirement_of
from graphql_schema.execution.roots import roots_of
from graphql_schema.limits import DocumentTooLong, Limits, RequestRefused, TooDeep, TooManyTokens, check

MAX_ERRORS = 10
CACHED = 512
_ID = re.compile(r"sha256:[0-9a-f]{64}")


class UnknownDocument(RequestRefused):
    """No trusted document has this id; where only trusted ones run, also every document sent as text."""

    code = "graphql.unknown_document"
    vi = "Ứng dụng gửi một yêu cầu không được công nhận. Hãy cập nhật ứng dụng."
    en = "This document is not a trusted one. Please update the app."


class DocumentMismatch(RequestRefused):
    """The text sent has another hash than the id that was sent with it."""

    code = "graphql.document_mismatch"


class SubscriptionsElsewhere(RequestRefused):
    """Subscriptions don't run over this route."""

    code = "graphql.subscription"


class DocumentInvalid(Exception):
    """Syntax or validation errors, for a client's developer: `graphql.syntax` or `graphql.validation`."""

    def __init__(self, code: str, errors: list[GraphQLError]) -> None:
        super().__init__(code)
        self.code = code
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Document:
    """A checked document. `id` is "sha256:" and the hex digest of its UTF-8 text."""

    id: str
    ast: DocumentNode
    operation: OperationDefinitionNode
    requirement: Requirement
    roots: tuple[str, ...]
    """Root fields, each as often as it is selected, under whatever alias."""
    cost: Cost

    @property
    def is_mutation(self) -> bool:
        """Whether it changes something."""
        return self.operation.operation is OperationType.MUTATION

    @property
    def is_subscription(self) -> bool:
        """Whether it goes on: graphql_schema.live runs it, not /graphql."""
        return self.operation.operation is OperationType.SUBSCRIPTION


def id_of(text: str) -> str:
    """The id of a document's text. Raises DocumentInvalid for text that is not Unicode."""
    try:
        octets = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DocumentInvalid(
            "graphql.syntax", [GraphQLError("The document is not Unicode text.")]
        ) from error
    return f"sha256:{hashlib.sha256(octets).hexdigest()}"


def read_folder(folder: Path) -> list[str]:
    """The texts of `*.graphql` in a folder, as they stand: their hashes are the contract."""
    return [file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.graphql"))]


class Documents:
    """Finds documents. `trusted` texts are checked at construction: one that is invalid stops the start.

    `only_trusted` (production) refuses every other document, and introspection.
    """

    def __init__(
        self, schema: GraphQLSchema, *, trusted: Iterable[str], only_trusted: bool, limits: Limits
    ) -> None:
        self._schema = schema
        self._only_trusted = only_trusted
        self._limits = limits
        self._trusted = {id_of(text): self._check(id_of(text), text) for text in trusted}
        self._others: OrderedDict[str, Document] = OrderedDict()

    def find(self, text: str | None, document_id: str | None) -> Document:
        """The document by text, by id, or by both. Raises a RequestRefused or DocumentInvalid."""
        if text is None:
            return self._by_id(document_id)
        if len(text) > self._limits.characters:
            raise DocumentTooLong
        computed = id_of(text)
        if document_id is not None and document_id != computed:
            raise DocumentMismatch
        if computed in self._trusted:
            return self._trusted[computed]
        if self._only_trusted:
            raise UnknownDocument
        return self._other(computed, text)

    def _by_id(self, document_id: str | None) -> Document:
        if document_id is None or not _ID.fullmatch(document_id) or document_id not in self._trusted:
            raise UnknownDocument
        return self._trusted[document_id]

    def _other(self, document_id: str, text: str) -> Document:
        document = self._others.get(document_id) or self._check(document_id, text)
        self._others[document_id] = document
        self._others.move_to_end(document_id)
        if len(self._others) > CACHED:
            self._others.popitem(last=False)
        return document

    def _check(self, document_id: str, text: str) -> Document:
        return checked(self._schema, document_id, text, only_trusted=self._only_trusted, limits=self._limits)


def checked(
    schema: GraphQLSchema, document_id: str, text: str, *, only_trusted: bool, limits: Limits
) -> Document:
    """A document that fits the schema and the limits. Raises RequestRefused or DocumentInvalid.

    `only_trusted` refuses introspection too.
    """
    ast = _parsed(text, limits)
    operation = check(ast, limits)
    rules = [*specified_rules, NoSchemaIntrospectionCustomRule] if only_trusted else None
    errors = validate(schema, ast, rules, max_errors=MAX_ERRORS, hide_suggestions=True)
    if errors:
        raise DocumentInvalid("graphql.validation", errors)
    return Document(
        id=document_id,
        ast=ast,
        operation=operation,
        requirement=requirement_of(schema, ast),
        roots=roots_of(ast, operation),
        cost=cost_of(schema, ast, operation),
    )


def _parsed(text: str, limits: Limits) -> DocumentNode:
    try:
        return parse(
            text,
            max_lexical_tokens=limits.tokens,
            max_comments=limits.tokens,
            max_source_length=limits.characters,
        )
    except GraphQLSyntaxError as error:
        if "contains more than" in error.message:
            raise TooManyTokens from error
        if "nested too deeply" in error.message:  # the parser's own bound, below the interpreter's
            raise TooDeep from error
        raise DocumentInvalid("graphql.syntax", [error]) from error
