"""What a document asks of the sign-in: highest level and shortest age of its fields, before it runs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    is_abstract_type,
    visit,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from foundation.identity.step_up import LEVELS
from graphql_schema.access import SIGNED_IN, Access, access_of

_META = frozenset({"__typename", "__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Requirement:
    """`public`: every root field is marked public. `acr`, `max_age`: None when no field states one."""

    public: bool
    acr: str | None
    max_age: timedelta | None


def requirement_of(schema: GraphQLSchema, document: DocumentNode) -> Requirement:
    """The requirement of a valid document. Every field of it counts, whatever @skip says."""
    collector = _Collector(schema)
    visit(document, TypeInfoVisitor(collector.types, collector))
    return Requirement(collector.public, collector.acr, collector.max_age)


class _Collector(Visitor):
    def __init__(self, schema: GraphQLSchema) -> None:
        super().__init__()
        self.types = TypeInfo(schema)
        self.public = True
        self.acr: str | None = None
        self.max_age: timedelta | None = None
        self._schema = schema
        self._roots = {schema.query_type, schema.mutation_type, schema.subscription_type} - {None}

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        # Only queries are public: a change always has somebody who made it.
        if node.operation.value != "query":
            self.public = False

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        name = node.name.value
        if name in _META:
            return
        parent = self.types.get_parent_type()
        for access in self._accesses(parent, name):
            if parent in self._roots and not access.public:
                self.public = False
            self._raise_to(access)

    def _accesses(self, parent: Any, name: str) -> list[Access]:
        definition = self.types.get_field_def()
        found = [_access(definition)]
        if is_abstract_type(parent):
            # Selected on an interface: any of the objects behind it may be what answers.
            objects = self._schema.get_possible_types(parent)
            found += [_access(thing.fields[name]) for thing in objects if _has(thing, name)]
        return found

    def _raise_to(self, access: Access) -> None:
        if access.acr is not None and (self.acr is None or LEVELS[access.acr] > LEVELS[self.acr]):
            self.acr = access.acr
        if access.max_age is not None and (self.max_age is None or access.max_age < self.max_age):
            self.max_age = access.max_age


def _has(thing: GraphQLObjectType, name: str) -> bool:
    return name in thing.fields


def _access(definition: GraphQLField | None) -> Access:
    if definition is None:
        raise LookupError("a field that the schema does not know: the document was not validated")
    field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return SIGNED_IN if field is None else access_of(field.metadata)
