"""Runs a checked document and turns what went wrong into what a client may read."""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import strawberry
import structlog
from graphql import ExecutionResult, GraphQLError, execute
from strawberry.execution import optimized_is_awaitable

from foundation.errors import InvalidInput, Refusal
from graphql_schema.context import GraphQLContext
from graphql_schema.errors import INTERNAL, INTERNAL_MESSAGES
from graphql_schema.execution.documents import Document

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """A GraphQL response. `executed` is False when variables kept it from starting: then there is no data."""

    body: dict[str, Any]
    executed: bool


async def run(
    schema: strawberry.Schema, document: Document, variables: Mapping[str, Any], context: GraphQLContext
) -> Answer:
    """Execute. Expected refusals keep their code; everything else is logged and masked."""
    running = execute(
        schema._schema,
        document.ast,
        variable_values=dict(variables),
        context_value=context,
        is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # Strawberry types it as bool
        executor_class=schema.execution_context_class,
        hide_suggestions=True,
    )
    result: ExecutionResult = await running if isawaitable(running) else running
    errors = result.errors or []
    if result.data is None and errors and all(error.path is None for error in errors):
        return Answer({"errors": [_of_variables(error, context) for error in errors]}, executed=False)
    kept = [error for error in errors if not _after_change(document, result, error, context)]
    body: dict[str, Any] = {"data": result.data}
    if kept:
        body["errors"] = [formatted(error, context) for error in kept]
    if context.unread:
        body["extensions"] = {"incomplete": True, "requestId": context.request_id}
    return Answer(body, executed=True)


def error_of(code: str, message: str, request_id: str, **extensions: str | int | None) -> dict[str, Any]:
    """One member of `errors`."""
    return {"message": message, "extensions": {"code": code, "requestId": request_id, **extensions}}


def formatted(error: GraphQLError, context: GraphQLContext) -> dict[str, Any]:
    """An error that a resolver raised: a refusal by its code, the rest masked and logged."""
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    if isinstance(cause, Refusal):
        field = {"field": cause.field} if isinstance(cause, InvalidInput) else {}
        shown = error_of(cause.code, cause.message(context.language), context.request_id, **field)
    else:
        log.error("graphql_error", request_id=context.request_id, path=error.path, exc_info=cause or error)
        shown = error_of(INTERNAL, INTERNAL_MESSAGES[context.language], context.request_id)
    return {**shown, "path": error.path}


def _of_variables(error: GraphQLError, context: GraphQLContext) -> dict[str, Any]:
    return error_of("graphql.variables", error.message, context.request_id)


def _after_change(
    document: Document, result: ExecutionResult, error: GraphQLError, context: GraphQLContext
) -> bool:
    """Whether this error is of a read after a change that stands: told as incomplete, not as an error."""
    below_payload = error.path is not None and len(error.path) > 1
    if not (document.is_mutation and below_payload and result.data is not None):
        return False
    log.error("read_after_change_failed", request_id=context.request_id, path=error.path, exc_info=error)
    context.unread.append(str(error.path))
    return True
