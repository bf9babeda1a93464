-- Who counts what the edge refused may add counts, and see or change nothing at all.
DO $$
BEGIN
  -- Roles belong to the cluster, not to the database: a second database (a test's) finds them there.
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'backend_edge') THEN
    CREATE ROLE backend_edge LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
  END IF;
  -- A long writing transaction stalls the relay of the whole cluster (watermark).
  ALTER ROLE backend_edge SET transaction_timeout = '5s';
  ALTER ROLE backend_edge SET idle_in_transaction_session_timeout = '5s';
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO backend_edge', current_database());
END $$;

SET LOCAL ROLE backend_owner;
GRANT USAGE ON SCHEMA audit TO backend_edge;
GRANT EXECUTE ON FUNCTION audit.count_refusals(inet[], text[], bigint[]) TO backend_edge;
RESET ROLE;
