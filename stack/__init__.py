"""The embedded stack: the real parts, one module a part, started and stopped on one machine."""
