"""Which root fields a document runs, and how often: what limits of single operations count."""

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)


def roots_of(document: DocumentNode, operation: OperationDefinitionNode) -> tuple[str, ...]:
    """Names of the operation's root fields, fragments spread out. Every field counts, whatever @skip says.

    The document is a checked one (`limits.check`), so fragments are few and have no cycle.
    """
    fragments = {
        node.name.value: node.selection_set
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    return tuple(_names(operation.selection_set, fragments))


def _names(selections: SelectionSetNode, fragments: dict[str, SelectionSetNode]) -> list[str]:
    names: list[str] = []
    for node in selections.selections:
        if isinstance(node, FieldNode):
            names.append(node.name.value)
        elif isinstance(node, FragmentSpreadNode):
            names += _names(fragments[node.name.value], fragments)
        else:
            names += _names(node.selection_set, fragments)  # type: ignore[attr-defined]  # inline fragment
    return names
