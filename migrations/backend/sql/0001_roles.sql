-- Roles of the cluster "backend". The stack or the operator sets their passwords; migrations never see one.
-- backend_owner owns everything and can't sign in; runtime roles own nothing and can't bypass row-level security.
DO $$
DECLARE
  wanted text;
BEGIN
  -- Roles belong to the cluster, not to the database: a second database (a test's) finds them there.
  FOREACH wanted IN ARRAY ARRAY['backend_owner', 'backend_city', 'backend_publisher'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT', wanted);
    END IF;
  END LOOP;
  FOREACH wanted IN ARRAY ARRAY['backend_app', 'backend_worker', 'backend_relay', 'backend_directory'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT', wanted);
    END IF;
    -- A long writing transaction stalls the relay of the whole cluster (watermark).
    EXECUTE format('ALTER ROLE %I SET transaction_timeout = ''5s''', wanted);
    EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''5s''', wanted);
    EXECUTE format('ALTER ROLE %I SET jit = off', wanted);
    -- A list is a walk along one index until the page is full. A policy's condition beside the statement's own
    -- makes the planner expect one row, and fetching all of them and sorting then looks as cheap.
    EXECUTE format('ALTER ROLE %I SET enable_bitmapscan = off', wanted);
    -- Only the queue's own functions are unqualified.
    EXECUTE format('ALTER ROLE %I SET search_path = jobs', wanted);
  END LOOP;
END $$;

GRANT backend_owner TO backend_migrator WITH INHERIT FALSE, SET TRUE;
-- City-level duty is a role of its own on report tables, taken for one transaction by SET LOCAL ROLE.
GRANT backend_city TO backend_app WITH INHERIT FALSE, SET TRUE;
-- What is published is written by a role of its own, which the worker takes for one transaction.
GRANT backend_publisher TO backend_worker WITH INHERIT FALSE, SET TRUE;

DO $$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO backend_owner', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO backend_app, backend_worker, backend_relay, backend_directory', current_database());
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
