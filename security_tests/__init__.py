"""Attacks, threats and golden files: what must not be possible."""
