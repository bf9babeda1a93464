"""What an officer's device said: the contract's document in a body, and which request that is.

Only documents of the mobile contract count, by their hash; a text that nobody reviewed says nothing.
"""

import hashlib
import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from graphql import FieldNode, GraphQLError, OperationDefinitionNode, OperationType, parse
from graphql.utilities import value_from_ast_untyped

from directory.errors import AskingInvalid
from foundation.directory_queue import Operation
from foundation.errors import InvalidInput
from foundation.ids import parse_report_code

_LONGEST_BODY = 65_536


def _code(value: Any) -> str:
    if not isinstance(value, str):
        raise AskingInvalid
    try:
        return parse_report_code(value)
    except InvalidInput as error:
        raise AskingInvalid from error


def _words(value: Any) -> str:
    """A name as it is stored: composed, single spaces."""
    if not isinstance(value, str):
        raise AskingInvalid
    return " ".join(unicodedata.normalize("NFC", value).split())


def _small(value: Any) -> str:
    return _words(value).lower()


class Parameters(Enum):
    """How the parameters of a request were said."""

    SAID = "said"
    """In full, by this very word."""
    TO_BE_VOUCHED = "to be vouched"
    """Not at all: they must be those that an earlier request for this target said in full."""


Normal = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a mutation asks of the directory. `parameters`: which of its input's fields each one is."""

    operation: Operation
    target: str | None = "code"
    """The input's field with the target's code; None: the mutation makes it."""
    parameters: Mapping[str, tuple[str, Normal]] = field(default_factory=dict)
    vouched: bool = False
    """The parameters are those that an earlier request for this target said in full."""


MEANINGS: Mapping[str, Meaning] = {
    "inviteOfficial": Meaning(
        Operation.OFFICIAL_CREATE,
        None,
        {
            "unit": ("unit", _words),
            "username": ("username", _small),
            "email": ("email", _small),
            "familyName": ("familyName", _words),
            "givenName": ("givenName", _words),
        },
    ),
    "resendInvitation": Meaning(Operation.OFFICIAL_CREATE, vouched=True),
    "transferOfficial": Meaning(Operation.OFFICIAL_MOVE, "code", {"toUnit": ("toUnit", _words)}),
    "suspendOfficial": Meaning(Operation.OFFICIAL_DISABLE),
    "reinstateOfficial": Meaning(Operation.OFFICIAL_ENABLE),
    "endOfficial": Meaning(Operation.OFFICIAL_END),
}
FIRST_OF_RESET, SECOND_OF_RESET = "askCredentialReset", "confirmCredentialReset"
RECOVERY = "proveRecovery"
"""At a ward's desk: for which recovery, and for which number."""


@dataclass(frozen=True, slots=True)
class Said:
    """One mutation as a device sent it: its root field and that field's input."""

    field: str
    given: Mapping[str, Any]

    def target(self, name: str = "code") -> str:
        """The code of the official that it names. Raises AskingInvalid."""
        return _code(self.given.get(name))


def check_said(said: Said, operation: Operation, target: str, parameters: Mapping[str, Any]) -> Parameters:
    """How the device said the parameters. Raises AskingInvalid unless it said this."""
    meaning = MEANINGS.get(said.field)
    if meaning is None or meaning.operation is not operation:
        raise AskingInvalid
    if meaning.target is not None and said.target(meaning.target) != target:
        raise AskingInvalid
    if meaning.vouched:
        return Parameters.TO_BE_VOUCHED
    if parameters.keys() != meaning.parameters.keys():
        raise AskingInvalid
    for name, (source, normal) in meaning.parameters.items():
        if normal(said.given.get(source)) != normal(parameters[name]):
            raise AskingInvalid
    return Parameters.SAID


class Contract:
    """The mutations among the contract's documents, by the hash of their text."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._documents: dict[str, OperationDefinitionNode] = {}
        for digest, text in texts.items():
            for node in parse(text).definitions:
                if isinstance(node, OperationDefinitionNode) and node.operation is OperationType.MUTATION:
                    self._documents[digest] = node

    @classmethod
    def of_folder(cls, folder: Path) -> "Contract":
        """Of `*.graphql`, octet by octet."""
        texts = [file.read_bytes() for file in sorted(folder.glob("*.graphql"))]
        return cls({hashlib.sha256(octets).hexdigest(): octets.decode("utf-8") for octets in texts})

    def said(self, body: bytes) -> Said:
        """What the body of a request says. Raises AskingInvalid."""
        content = _json(body)
        document = self._documents.get(_digest_of(content))
        variables = content.get("variables")
        if document is None or not isinstance(variables, dict):
            raise AskingInvalid
        (root,) = document.selection_set.selections
        if not isinstance(root, FieldNode):
            raise AskingInvalid
        try:
            given = {
                argument.name.value: value_from_ast_untyped(argument.value, variables)
                for argument in root.arguments or ()
            }
        except (GraphQLError, ValueError, TypeError) as error:
            raise AskingInvalid from error
        inner = given.get("input")
        return Said(root.name.value, inner if isinstance(inner, dict) else given)


def _digest_of(content: dict[str, Any]) -> str:
    """The hash of the document, whichever way it was named. Two names must agree."""
    text, named = content.get("query"), content.get("documentId")
    extensions = content.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    found = set()
    if isinstance(persisted, dict):
        found.add(str(persisted.get("sha256Hash")))
    if isinstance(text, str):
        try:
            found.add(hashlib.sha256(text.encode("utf-8")).hexdigest())
        except UnicodeEncodeError as error:
            raise AskingInvalid from error
    if isinstance(named, str):
        found.add(named.removeprefix("sha256:"))
    if len(found) != 1:
        raise AskingInvalid
    return found.pop()


def _json(body: bytes) -> dict[str, Any]:
    if len(body) > _LONGEST_BODY:
        raise AskingInvalid
    try:
        content = json.loads(body, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise AskingInvalid from error
    if not isinstance(content, dict):
        raise AskingInvalid
    return content


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members
