"""Limits on documents, checked before anything runs. Each has a code of its own."""

from dataclasses import dataclass, field
from typing import ClassVar

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
    """What a document may cost before it is known what it does."""

    body_octets: int = 65_536
    body_seconds: float = 10.0
    characters: int = 16_384
    tokens: int = 2_000
    depth: int = 12
    fields: int = 1_000
    aliases: int = 20
    directives: int = 20
    root_fields: int = 8


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
    # Every definition is measured, used or not: what is sent is what counts.
    for fragment in measure.fragments.values():
        measure.of_fragment(fragment.name.value)
    size = measure.of(operation.selection_set)
    if operation.operation is OperationType.MUTATION and size.roots != 1:
        raise OneRootField
    if size.roots > limits.root_fields:
        raise TooManyRootFields
    return operation


@dataclass(frozen=True, slots=True)
class Size:
    """Of a selection, fragments spread out: fields in all, levels, fields at its own level."""

    fields: int = 0
    depth: int = 0
    roots: int = 0


@dataclass(slots=True)
class Measure:
    """Measures selections; each fragment once, so doubling fragments can't cost exponential time."""

    fragments: dict[str, FragmentDefinitionNode]
    limits: Limits
    aliases: int = 0
    directives: int = 0
    _sizes: dict[str, Size] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)

    def of(self, selections: SelectionSetNode | None, level: int = 1) -> Size:
        """The size of a selection set that lies `level` levels deep."""
        if level > self.limits.depth:
            raise TooDeep
        fields = depth = roots = 0
        for node in () if selections is None else selections.selections:
            self._count_directives(len(node.directives or ()))
            if isinstance(node, FieldNode):
                size = self._of_field(node, level)
            elif isinstance(node, FragmentSpreadNode):
                size = self.of_fragment(node.name.value)
            else:
                size = self.of(node.selection_set, level)  # type: ignore[attr-defined]  # inline fragment
            fields, depth, roots = fields + size.fields, max(depth, size.depth), roots + size.roots
            self._bound(fields, level - 1 + depth)
        return Size(fields, depth, roots)

    def of_fragment(self, name: str) -> Size:
        """The size of a fragment's selection. Raises FragmentCycle when it is absent or spreads itself."""
        if name not in self._sizes:
            if name in self._open or name not in self.fragments:
                raise FragmentCycle
            if len(self._open) >= self.limits.depth:
                raise TooDeep
            self._open.add(name)
            self._count_directives(len(self.fragments[name].directives or ()))
            self._sizes[name] = self.of(self.fragments[name].selection_set)
            self._open.discard(name)
        return self._sizes[name]

    def _of_field(self, node: FieldNode, level: int) -> Size:
        if node.alias is not None:
            self.aliases += 1
            if self.aliases > self.limits.aliases:
                raise TooManyAliases
        if node.selection_set is None:
            return Size(1, 1, 1)
        inner = self.of(node.selection_set, level + 1)
        return Size(1 + inner.fields, 1 + inner.depth, 1)

    def _count_directives(self, found: int) -> None:
        self.directives += found
        if self.directives > self.limits.directives:
            raise TooManyDirectives

    def _bound(self, fields: int, depth: int) -> None:
        if fields > self.limits.fields:
            raise TooManyFields
        if depth > self.limits.depth:
            raise TooDeep
