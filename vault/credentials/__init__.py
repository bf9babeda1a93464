"""Resets of credentials at Keycloak keep a person out of the vault (docs/decisions/0056-second-factor.md)."""
