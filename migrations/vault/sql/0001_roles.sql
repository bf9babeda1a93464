-- Roles of the cluster "vault". Its tables come with the vault; the walls between the clusters stand from the start.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vault_owner') THEN
    CREATE ROLE vault_owner NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vault_app') THEN
    CREATE ROLE vault_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
  END IF;
  ALTER ROLE vault_app SET transaction_timeout = '5s';
  ALTER ROLE vault_app SET idle_in_transaction_session_timeout = '5s';
  ALTER ROLE vault_app SET search_path = '';
  GRANT vault_owner TO vault_migrator WITH INHERIT FALSE, SET TRUE;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO vault_owner', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO vault_app', current_database());
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
