"""Units of work, read scopes, and the principal's settings that row-level security reads."""
