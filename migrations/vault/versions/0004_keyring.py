"""Wrapped epoch keys and wrapped seeds of request keys; the role of whoever rotates them."""

from alembic import op

from migrations.sql import run

revision = "0004_keyring"
down_revision = "0003_calls"
branch_labels = None
depends_on = None

_ROLE = """
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vault_keyring') THEN
    CREATE ROLE vault_keyring LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
  END IF;
  ALTER ROLE vault_keyring SET transaction_timeout = '5s';
  ALTER ROLE vault_keyring SET idle_in_transaction_session_timeout = '5s';
  ALTER ROLE vault_keyring SET search_path = '';
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO vault_keyring', current_database());
END $$;
"""


def upgrade() -> None:
    # Roles are the login role's to make; the tables are the owner's.
    op.execute(_ROLE)
    run(__file__, owner="vault_owner")
