"""The office of tests/vault/records."""

from tests.vault.records.conftest import office

__all__ = ["office"]
