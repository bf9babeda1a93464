"""Settings files of the services: the typed structs of `foundation.settings`, written as TOML."""

import json
from pathlib import Path
from typing import Any

import msgspec

from foundation.settings import Section


def write_settings(path: Path, settings: Section) -> None:
    """Write `settings` so that `foundation.settings.load` reads back an equal struct."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(
        "\n".join(_table((), msgspec.to_builtins(settings, enc_hook=str))) + "\n", encoding="utf-8"
    )


def _table(name: tuple[str, ...], values: dict[str, Any]) -> list[str]:
    lines = [f"[{'.'.join(name)}]"] if name else []
    # A JSON string, number, boolean or list of strings is one in TOML as well (TOML 1.0, String).
    lines += [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in values.items()
        if not isinstance(value, dict) and value is not None  # absent; TOML has no null
    ]
    for key, value in values.items():
        if isinstance(value, dict):
            lines += _table((*name, key), value)
    return lines
