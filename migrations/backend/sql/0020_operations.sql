-- What a process asks before it takes work: how far the database is migrated.

CREATE FUNCTION platform.migration() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$ SELECT max(version_num::text) FROM migration.alembic_version $$;
REVOKE EXECUTE ON FUNCTION platform.migration FROM PUBLIC;
GRANT USAGE ON SCHEMA platform TO backend_relay, backend_directory;
GRANT EXECUTE ON FUNCTION platform.migration TO backend_app, backend_worker, backend_relay, backend_directory;
