"""Tests of vault.records."""
