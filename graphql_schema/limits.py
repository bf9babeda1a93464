"""Limits on documents, checked before anything runs. Each has a code of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

from foundation.errors import Refusal


class RequestRefused(Refusal):
    """A request that is not executed. `status` is its HTTP status.

    `in_200`: in `application/json` it is told with status 200, as GraphQL over HTTP has it for documents.
    """

    status: ClassVar[int] = 400
    in_200: ClassVar[bool] = True
    vi = "Yêu cầu vượt giới hạn hoặc không đúng định dạng. Hãy cập nhật ứng dụng."
    en = "The request is beyond the limits or malformed. Please update the app."


class DocumentTooLong(RequestRefused):
    """More characters than a document may have."""

    code = "graphql.document_too_long"


class TooManyTokens(RequestRefused):
    """More tokens, comments included, than a document may have."""

    code = "graphql.too_many_tokens"


class TooDeep(RequestRefused):
    """Selections nested too deeply."""

    code = "graphql.too_deep"


class TooManyFields(RequestRefused):
    """More fields, fragments spread out, than a document may select."""

    code = "graphql.too_many_fields"


class TooManyAliases(RequestRefused):
    """More aliases than a document may have."""

    code = "graphql.too_many_aliases"


class TooManyDirectives(RequestRefused):
    """More directives than a document may have."""

    code = "graphql.too_many_directives"


class TooManyRootFields(RequestRefused):
    """More root fields than a query may have."""

    code = "graphql.too_many_root_fields"


class TooManyVariables(RequestRefused):
    """More variables than a request may have, declared or given."""

    code = "graphql.too_many_variables"


class VariablesTooDeep(RequestRefused):
    """Variables nested too deeply."""

    code = "graphql.variables_too_deep"


class VariablesTooLarge(RequestRefused):
    """More values in the variables, lists and objects spread out, or a longer text than there may be."""

    code = "graphql.variables_too_large"


class TooCostly(RequestRefused):
    """A larger answer than one request may ask for (`graphql_schema.execution.cost`)."""

    code = "graphql.too_costly"
    vi = "Yêu cầu quá nhiều dữ liệu một lần. Hãy hỏi trang nhỏ hơn."
    en = "This asks for too much at once. Please ask for a smaller page."

    def __init__(self, cost: int, most: int) -> None:
        super().__init__(cost=cost, maxCost=most)


class TimedOut(Refusal):
    """The request was cut: its time was over. Nothing has changed."""

    code = "graphql.timeout"
    status: ClassVar[int] = 503
    vi = "Hệ thống đang chậm, chưa có gì thay đổi. Hãy gửi lại đúng yêu cầu này."
    en = "This took too long; nothing has changed. Please send the same request again."


class OneRootField(RequestRefused):
    """A mutation with another number of root fields than one: a change is whole or not at all."""

    code = "graphql.one_root_field"
    vi = "Mỗi yêu cầu chỉ được có một thay đổi."
    en = "A mutation has exactly one root field."


class OneOperation(RequestRefused):
    """A document with none or several operations."""

    code = "graphql.one_operation"
    vi = "Mỗi tài liệu chỉ được có một thao tác."
    en = "A document has exactly one operation."


class FragmentCycle(RequestRefused):
    """Fragments that spread each other, or one that is not there."""

    code = "graphql.fragments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may take. Fragments are spread out wherever something is counted.

    Validation compares fields of one name in pairs: twice the tokens are four times its work.
    """

    body_octets: int = 65_536
    body_seconds: float = 10.0
    characters: int = 16_384
    tokens: int = 1_000
    depth: int = 12
    fields: int = 500
    aliases: int = 20
    directives: int = 20
    root_fields: int = 8
    variables: int = 20
    variable_depth: int = 5
    variable_values: int = 1_000
    variable_characters: int = 16_384
    cost: int = 10_000
    """Units of `graphql_schema.execution.cost`."""
    seconds: float = 10.0
    """Wall clock, of the execution. A transaction has 5 s (migrations/backend/sql/0001_roles.sql)."""


def check(document: DocumentNode, limits: Limits) -> OperationDefinitionNode:
    """The document's one operation. Raises a RequestRefused; may be called before validation."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(operations) != 1:
        raise OneOperation
    (operation,) = operations
    measure = Measure(
        {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)},
        limits,
    )
    variables = operation.variable_definitions or ()
    if len(variables) > limits.variables:
        raise TooManyVariables
    # Every definition is measured, used or not: what is sent is what counts.
    for fragment in measure.fragments.values():
        measure.of_fragment(fragment.name.value)
    size = measure.of(operation.selection_set)
    before = len(operation.directives or ()) + sum(len(node.directives or ()) for node in variables)
    measure.bound(Size(directives=before) + size)
    if operation.operation is OperationType.MUTATION and size.roots != 1:
        raise OneRootField
    if size.roots > limits.root_fields:
        raise TooManyRootFields
    return operation


def check_variables(variables: Mapping[str, Any], limits: Limits) -> None:
    """Raise a RequestRefused when there are too many of them, or too much in them."""
    if len(variables) > limits.variables:
        raise TooManyVariables
    values, depth, found = list(variables.values()), 0, 0
    while values:
        depth, found = depth + 1, found + len(values)
        if depth > limits.variable_depth:
            raise VariablesTooDeep
        longest = max((len(value) for value in values if isinstance(value, str)), default=0)
        if found > limits.variable_values or longest > limits.variable_characters:
            raise VariablesTooLarge
        values = [inner for value in values for inner in _inside(value)]


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()


@dataclass(frozen=True, slots=True)
class Size:
    """Of a selection, fragments spread out. `roots` are the fields at its own level."""

    fields: int = 0
    depth: int = 0
    roots: int = 0
    aliases: int = 0
    directives: int = 0

    def __add__(self, other: "Size") -> "Size":
        """Side by side."""
        return Size(
            self.fields + other.fields,
            max(self.depth, other.depth),
            self.roots + other.roots,
            self.aliases + other.aliases,
            self.directives + other.directives,
        )


@dataclass(slots=True)
class Measure:
    """Measures selections; each fragment once, so doubling fragments can't cost exponential time."""

    fragments: dict[str, FragmentDefinitionNode]
    limits: Limits
    _sizes: dict[str, Size] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)

    def of(self, selections: SelectionSetNode | None, level: int = 1) -> Size:
        """The size of a selection set that lies `level` levels deep."""
        if level > self.limits.depth:
            raise TooDeep
        total = Size()
        for node in () if selections is None else selections.selections:
            total += Size(directives=len(node.directives or ()))
            if isinstance(node, FieldNode):
                total += self._of_field(node, level)
            elif isinstance(node, FragmentSpreadNode):
                total += self.of_fragment(node.name.value)
            else:
                total += self.of(node.selection_set, level)  # type: ignore[attr-defined]  # inline fragment
            self.bound(total, level)
        return total

    def of_fragment(self, name: str) -> Size:
        """The size of a fragment's selection. Raises FragmentCycle when it is absent or spreads itself."""
        if name not in self._sizes:
            if name in self._open or name not in self.fragments:
                raise FragmentCycle
            if len(self._open) >= self.limits.depth:
                raise TooDeep
            self._open.add(name)
            own = Size(directives=len(self.fragments[name].directives or ()))
            self._sizes[name] = own + self.of(self.fragments[name].selection_set)
            self._open.discard(name)
        return self._sizes[name]

    def bound(self, size: Size, level: int = 1) -> None:
        """Raise what a selection `level` levels deep is beyond."""
        if size.aliases > self.limits.aliases:
            raise TooManyAliases
        if size.directives > self.limits.directives:
            raise TooManyDirectives
        if size.fields > self.limits.fields:
            raise TooManyFields
        if level - 1 + size.depth > self.limits.depth:
            raise TooDeep

    def _of_field(self, node: FieldNode, level: int) -> Size:
        inner = Size() if node.selection_set is None else self.of(node.selection_set, level + 1)
        aliases = inner.aliases + (node.alias is not None)
        return Size(1 + inner.fields, 1 + inner.depth, 1, aliases, inner.directives)
