"""Attacks on the backend database, as the roles that the services sign in with."""
