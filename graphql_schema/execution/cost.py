"""What a document costs, known before it runs: fields of the answer, each counted in every row.

A unit is one field answered once, `__typename` and objects included. A list counts as many rows as its
connection's `first` asks for, or as its field states (`graphql_schema.sizes`); lists in lists multiply.
Every field counts, whatever @skip, @include and type conditions say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graphql_schema.context import DEFAULT_PAGE
from graphql_schema.sizes import rows_of

FIRST = "first"
_IN_INTROSPECTION = 10


@dataclass(frozen=True, slots=True)
class Rows:
    """A number of rows: `number`, or what the variable says when it is given."""

    number: int
    variable: str | None = None

    def of(self, variables: Mapping[str, Any]) -> int:
        """How many. What is no whole number is refused when variables are read: here it counts as one."""
        given = self.number if self.variable is None else variables.get(self.variable, self.number)
        if isinstance(given, float) and given.is_integer():
            given = int(given)
        return max(1, given) if isinstance(given, int) else 1


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a selection: fields that are answered once, and what is answered for each row of a list."""

    once: int = 0
    lists: tuple[tuple[Rows, Cost], ...] = ()

    def of(self, variables: Mapping[str, Any]) -> int:
        """In units, for these variables."""
        return self.once + sum(rows.of(variables) * inner.of(variables) for rows, inner in self.lists)

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.once + other.once, self.lists + other.lists)


def cost_of(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Cost:
    """The cost of a valid document within the limits: its fragments are few and have no cycle."""
    root = schema.get_root_type(operation.operation)
    if root is None:
        raise LookupError("an operation that the schema does not know: the document was not validated")
    return _Reckoner(schema, document, operation).of(operation.selection_set, root, None)


class _Reckoner:
    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
    ) -> None:
        self._schema = schema
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._defaults = {
            node.variable.name.value: node.default_value for node in operation.variable_definitions or ()
        }

    def of(self, selections: SelectionSetNode, parent: GraphQLCompositeType, page: Rows | None) -> Cost:
        """`page` is what the field above asks for: the rows of the list in its connection."""
        total = Cost()
        for node in selections.selections:
            if isinstance(node, FieldNode):
                total += self._of_field(node, parent, page)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                total += self.of(fragment.selection_set, self._type(fragment.type_condition), page)
            else:
                condition = node.type_condition  # type: ignore[attr-defined]  # an inline fragment
                inside = parent if condition is None else self._type(condition)
                total += self.of(node.selection_set, inside, page)  # type: ignore[attr-defined]  # the same
        return total

    def _of_field(self, node: FieldNode, parent: GraphQLCompositeType, page: Rows | None) -> Cost:
        definition = self._schema.get_field(parent, node.name.value)
        if definition is None:
            raise LookupError("a field that the schema does not know: the document was not validated")
        inner = Cost(1)
        kind = get_named_type(definition.type)
        if node.selection_set is not None and is_composite_type(kind):
            inner += self.of(node.selection_set, kind, self._page(node, definition))
        if not is_list_type(get_nullable_type(definition.type)):
            return inner
        return Cost(lists=((page or _stated(definition, parent), inner),))

    def _page(self, node: FieldNode, definition: GraphQLField) -> Rows | None:
        if FIRST not in definition.args:
            return None
        given = {argument.name.value: argument.value for argument in node.arguments or ()}.get(FIRST)
        if isinstance(given, VariableNode):
            name = given.name.value
            return Rows(_number(self._defaults.get(name)), name)
        return Rows(_number(given))

    def _type(self, condition: Any) -> GraphQLCompositeType:
        kind = self._schema.type_map[condition.name.value]
        if not is_composite_type(kind):
            raise LookupError("a condition on what has no fields: the document was not validated")
        return kind


def _number(value: ValueNode | None) -> int:
    return int(value.value) if isinstance(value, IntValueNode) else DEFAULT_PAGE


def _stated(definition: GraphQLField, parent: GraphQLCompositeType) -> Rows:
    if parent.name.startswith("__"):
        return Rows(_IN_INTROSPECTION)
    field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return Rows(rows_of({} if field is None else field.metadata))
