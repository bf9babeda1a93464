"""Schema of both databases: one Alembic tree, a folder a database. Roles, grants and policies are migrations too."""
