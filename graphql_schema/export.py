"""`python -m graphql_schema.export [--check FILE]`: print the SDL, or compare it with the contract."""

import argparse
import difflib
import sys
from pathlib import Path

from graphql_schema.schema import build


def sdl() -> str:
    """The schema as the contract keeps it."""
    return build().as_str().rstrip("\n") + "\n"


def difference(file: Path) -> str:
    """A unified diff from the contract to the code; empty when they are equal."""
    contract = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(difflib.unified_diff(contract, sdl().splitlines(keepends=True), str(file), "code"))


def main(arguments: list[str] | None = None) -> int:
    """0, or 1 when `--check` found a difference."""
    parser = argparse.ArgumentParser(prog="python -m graphql_schema.export", description=__doc__)
    parser.add_argument(
        "--check", type=Path, metavar="FILE", help="compare with this file, print the difference"
    )
    options = parser.parse_args(arguments)
    if options.check is None:
        sys.stdout.write(sdl())
        return 0
    found = difference(options.check)
    sys.stdout.write(found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
