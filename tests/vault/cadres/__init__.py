"""Tests of vault.cadres."""
