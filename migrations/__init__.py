"""Schema of both databases: one Alembic tree, a folder a database; roles, grants and policies included."""
