"""Alembic's entry. Which database and its address come from `migrations.__main__`, not from an ini file."""

from alembic import context
from sqlalchemy import create_engine, pool, text

config = context.config
engine = create_engine(config.attributes["url"], poolclass=pool.NullPool)

with engine.connect() as connection:
    # Alembic's table belongs to the login role: no runtime role reads it, the owner can't rewrite it.
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS migration"))
    connection.commit()
    context.configure(
        connection=connection,
        version_table_schema="migration",
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
