"""The change feed: narrow rows per unit, and the role of a process's one reader."""

from alembic import op
from sqlalchemy import text

from migrations.sql import run

revision = "0011_feed"
down_revision = "0010_limits"
branch_labels = None
depends_on = None

# Roles belong to the cluster: another database of it may have made this one.
_ROLE = """
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'backend_feed') THEN
    CREATE ROLE backend_feed LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
  END IF;
  ALTER ROLE backend_feed SET transaction_timeout = '5s';
  ALTER ROLE backend_feed SET idle_in_transaction_session_timeout = '5s';
  ALTER ROLE backend_feed SET jit = off;
  ALTER ROLE backend_feed SET default_transaction_read_only = on;
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO backend_feed', current_database());
END $$
"""


def upgrade() -> None:
    op.get_bind().execute(text(_ROLE))
    run(__file__, owner="backend_owner")
