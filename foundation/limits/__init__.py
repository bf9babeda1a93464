"""How often somebody may do something: limits that all processes share."""
