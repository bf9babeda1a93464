"""A subscription whose events are plain: its selection as one function, instead of an execution an event.

A thousand subscribers at five changes a second are five thousand executions a second, more than a core has.
What an event is made of is still made by the resolver; only picking its fields is done here. Anything that is
not plain (a fragment, a directive, a field with a selection or an argument) runs in the executor as always.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

from graphql import (
    FieldNode,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    SelectionNode,
    get_named_type,
)

from graphql_schema.execution.documents import Document

Pick = Callable[[Any], Any]
_TYPENAME = "__typename"


def compiled(schema: GraphQLSchema, document: Document) -> Callable[[Any], dict[str, Any]] | None:
    """The response to an event of a plain subscription; None when it is not plain."""
    selections = document.operation.selection_set.selections
    if len(selections) != 1 or not _is_plain(selections[0]) or schema.subscription_type is None:
        return None
    root = selections[0]
    field = schema.subscription_type.fields.get(root.name.value)
    kind = get_named_type(field.type) if field is not None else None
    if not isinstance(kind, GraphQLObjectType) or root.selection_set is None:
        return None
    picks = _picks(kind, root.selection_set.selections)
    if picks is None:
        return None
    key = root.alias.value if root.alias else root.name.value

    def respond(event: Any) -> dict[str, Any]:
        return {"data": {key: {name: pick(event) for name, pick in picks}}}

    return respond


def _picks(kind: GraphQLObjectType, selections: Sequence[Any]) -> list[tuple[str, Pick]] | None:
    picks: dict[str, Pick] = {}
    for node in selections:
        if not _is_plain(node) or node.selection_set is not None or node.arguments:
            return None
        name, shown = node.name.value, node.alias.value if node.alias else node.name.value
        pick = _pick(kind, name)
        if pick is None or shown in picks:
            return None
        picks[shown] = pick
    return list(picks.items())


def _pick(kind: GraphQLObjectType, name: str) -> Pick | None:
    """How a scalar field that has no resolver of its own is read and serialised."""
    if name == _TYPENAME:
        return lambda _: kind.name
    field = kind.fields[name]
    scalar = get_named_type(field.type)
    strawberry_field = field.extensions.get("strawberry-definition")
    if not isinstance(scalar, GraphQLScalarType) or not getattr(strawberry_field, "is_basic_field", False):
        return None
    attribute: str = strawberry_field.python_name
    serialize = scalar.serialize
    return lambda event: serialize(getattr(event, attribute))


def _is_plain(node: SelectionNode) -> TypeGuard[FieldNode]:
    return isinstance(node, FieldNode) and not node.directives
