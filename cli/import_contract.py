"""An import-linter contract of our own: what a feature may see of another one."""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class FeatureSeams(Contract):
    """Features import from other features only the modules listed in `seams`."""

    type_name = "feature_seams"

    package = fields.StringField()
    seams = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Every import that crosses from a feature into the inside of another breaks the contract."""
        package, seams = str(self.package), {str(seam) for seam in self.seams}  # type: ignore[attr-defined]  # a set at run time
        crossings = []
        for feature in sorted(graph.find_children(package)):
            for importer in sorted({feature} | graph.find_descendants(feature)):
                for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                    if _crosses(feature, imported, package, seams):
                        crossings.append(f"{importer} -> {imported}")
        return ContractCheck(kept=not crossings, metadata={"crossings": crossings})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each crossing."""
        for crossing in check.metadata["crossings"]:
            output.print_error(crossing, bold=False)


def _crosses(feature: str, imported: str, package: str, seams: set[str]) -> bool:
    inside_other = imported.startswith(f"{package}.") and not f"{imported}.".startswith(f"{feature}.")
    return inside_other and imported.rpartition(".")[2] not in seams
