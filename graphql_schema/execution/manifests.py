"""Manifests: the documents of one version of an app, by their ids, frozen with its release.

A file `<app>-<version>.json` holds {documentId: text}, sorted. All files of the folder are versions in the
field: production runs their documents and no others. What is no longer served lies in `retired/`.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from graphql import GraphQLSchema, NoDeprecatedCustomRule, parse, validate

from foundation.identity.apps import Version
from graphql_schema.execution.documents import DocumentInvalid, checked, id_of
from graphql_schema.limits import Limits, RequestRefused

RETIRED = "retired"
_FILE = re.compile(r"([a-z][a-z0-9-]{1,31})-([0-9.]{5,17})\.json")


class ManifestInvalid(ValueError):
    """A manifest that can't be what it says."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The documents of an app's version: text by id."""

    app: str
    version: Version
    documents: Mapping[str, str]

    @property
    def name(self) -> str:
        """`<app>-<version>`, its file's name without the ending."""
        return f"{self.app}-{self.version}"

    def render(self) -> str:
        """Its one form as a file."""
        return json.dumps(dict(sorted(self.documents.items())), ensure_ascii=False, indent=2) + "\n"


class AppPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An app in `apps.toml`: the version that is being built and the operations it sends, by name."""

    version: str
    documents: list[str]


def read_manifests(folder: Path) -> list[Manifest]:
    """All versions in the field. Raises ManifestInvalid for the first file that is not one."""
    return [read_manifest(file) for file in sorted(folder.glob("*.json"))]


def read_manifest(file: Path) -> Manifest:
    """One file. Raises ManifestInvalid unless its name, its form and each id are right."""
    match = _FILE.fullmatch(file.name)
    if match is None:
        raise ManifestInvalid(f"{file.name}: its name is not <app>-<version>.json")
    text = file.read_text(encoding="utf-8")
    try:
        version = Version.parse(match[2])
        documents = msgspec.json.decode(text, type=dict[str, str])
    except ValueError as error:
        raise ManifestInvalid(f"{file.name}: {error}") from error
    for document_id, document in documents.items():
        if id_of(document) != document_id:
            raise ManifestInvalid(f"{file.name}: {document_id} is not the hash of its document")
    manifest = Manifest(match[1], version, documents)
    if manifest.render() != text:
        raise ManifestInvalid(f"{file.name}: not in its one form; build it, don't write it")
    return manifest


def texts_of(manifests: Iterable[Manifest]) -> list[str]:
    """Each document once."""
    return list({key: text for manifest in manifests for key, text in manifest.documents.items()}.values())


def read_plans(file: Path) -> dict[str, AppPlan]:
    """`apps.toml`. Raises ManifestInvalid."""
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), dict[str, AppPlan])
    except ValueError as error:
        raise ManifestInvalid(f"{file.name}: {error}") from error


def build(app: str, plan: AppPlan, operations: Path) -> Manifest:
    """The manifest of the version that is being built. Raises ManifestInvalid for an operation not there."""
    documents = {}
    for name in plan.documents:
        file = operations / f"{name}.graphql"
        if not file.is_file():
            raise ManifestInvalid(f"{app}: there is no operation {name}")
        text = file.read_text(encoding="utf-8")
        documents[id_of(text)] = text
    return Manifest(app, Version.parse(plan.version), documents)


def problems_of(manifest: Manifest, schema: GraphQLSchema, limits: Limits) -> list[str]:
    """Why documents in the field would no longer run: a field that is gone, a limit that was lowered."""
    found = []
    for document_id, text in manifest.documents.items():
        try:
            checked(schema, document_id, text, only_trusted=True, limits=limits)
        except RequestRefused as refusal:
            found.append(f"{manifest.name}: {title_of(text)}: {refusal.code}")
        except DocumentInvalid as invalid:
            found += [f"{manifest.name}: {title_of(text)}: {error.message}" for error in invalid.errors]
    return found


def deprecated_in(manifest: Manifest, schema: GraphQLSchema) -> list[str]:
    """Deprecated fields, arguments and values that a version in the field still uses."""
    return [
        f"{manifest.name}: {title_of(text)}: {error.message}"
        for text in manifest.documents.values()
        for error in validate(schema, parse(text), [NoDeprecatedCustomRule])
    ]


def drift(plans: Mapping[str, AppPlan], contract: Path) -> list[str]:
    """Where the manifests being built differ from `operations/`, and operations that no app sends."""
    operations = contract / "operations"
    found = []
    for app, plan in plans.items():
        file = contract / "manifests" / f"{app}-{plan.version}.json"
        try:
            built = build(app, plan, operations).render()
        except ValueError as error:
            found.append(str(error))
            continue
        if not file.is_file() or file.read_text(encoding="utf-8") != built:
            found.append(f"{file.stem}: not what operations/ says; ./ioc documents build --app {app}")
    sent = {name for plan in plans.values() for name in plan.documents}
    idle: Sequence[str] = sorted(file.stem for file in operations.glob("*.graphql") if file.stem not in sent)
    return found + [f"{name}: no app sends it; add it to apps.toml" for name in idle]


def title_of(text: str) -> str:
    """The operation's name, for people who read about it."""
    match = re.search(r"\b(?:query|mutation|subscription)\s+(\w+)", text)
    return match[1] if match else id_of(text)
