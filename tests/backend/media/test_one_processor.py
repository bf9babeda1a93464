"""A process of ours has two children at once, whoever asks for them."""

from pathlib import Path
from typing import Any

import pytest

from backend.media.processing import Processor
from services import api
from tests.backend.media.rig import WIDE, settings_of
from tests.conftest import Database


def test_uploads_and_redactions_take_turns_at_one_processor(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, made, begin = settings_of(database, tmp_path, WIDE), [], Processor.__init__

    def counted(self: Processor, *given: Any, **named: Any) -> None:
        made.append(self)
        begin(self, *given, **named)

    monkeypatch.setattr(Processor, "__init__", counted)
    monkeypatch.setattr(api, "load", lambda _path, _kind: settings)
    monkeypatch.setattr(api.logs, "configure", lambda _service: None)
    monkeypatch.setenv(api.SETTINGS_VARIABLE, str(tmp_path))
    api.create_app()
    assert len(made) == 1
