"""Attacks on the system, each of which succeeded against code without its guard."""
