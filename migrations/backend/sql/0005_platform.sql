-- Idempotency: (person, operation, key) for 24 h. Written in the transaction of the effect, so that
-- a second caller waits on the unique key until the first has ended, and then gets its answer.
CREATE SCHEMA platform;
-- The day it is in Ha Noi, for walls that let nobody change what has begun. One place, so that tests can own the day.
CREATE FUNCTION platform.today() RETURNS date
LANGUAGE sql STABLE SET search_path = '' AS $$ SELECT (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date $$;
REVOKE ALL ON FUNCTION platform.today FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.today TO backend_app, backend_city, backend_worker, backend_directory;
CREATE TABLE platform.idempotency (
  subject uuid NOT NULL,
  operation text NOT NULL CHECK (length(operation) <= 64),
  key text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 16 AND 64),
  body_digest bytea NOT NULL CHECK (length(body_digest) = 32),
  answer jsonb,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (subject, operation, key)
);
CREATE INDEX idempotency_age ON platform.idempotency (created_at);
ALTER TABLE platform.idempotency ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.idempotency FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON platform.idempotency TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY own ON platform.idempotency TO backend_app, backend_city
  USING (subject = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid))
  WITH CHECK (subject = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));

CREATE FUNCTION platform.forget_answers(older_than timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  WITH gone AS (DELETE FROM platform.idempotency i WHERE i.created_at < older_than RETURNING 1)
  SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION platform.forget_answers FROM PUBLIC;

-- Monthly partitions of tables whose key is a uuidv7: its first 48 bits are milliseconds since 1970.
CREATE FUNCTION platform.ensure_partitions(parent regclass, from_month date, months int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  made int := 0;
  month date;
  part text;
  low text;
  high text;
BEGIN
  FOR step IN 0 .. months - 1 LOOP
    month := (date_trunc('month', from_month::timestamp) + make_interval(months => step))::date;
    part := format('%s_%s', (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid = parent),
                   to_char(month, 'YYYYMM'));
    low := lpad(to_hex((extract(epoch FROM month::timestamp AT TIME ZONE 'UTC') * 1000)::bigint), 12, '0')
           || repeat('0', 20);
    high := lpad(to_hex((extract(epoch FROM (month + interval '1 month')::timestamp AT TIME ZONE 'UTC')
                         * 1000)::bigint), 12, '0') || repeat('0', 20);
    IF to_regclass(format('%I.%I', (SELECT n.nspname FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = parent), part)) IS NULL THEN
      EXECUTE format('CREATE TABLE %I.%I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)',
        (SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.oid = parent), part, parent, low::uuid, high::uuid);
      -- The parent's policies don't hold for who names a partition: no policy there means no row, even
      -- if one day somebody grants it. Not forced: only the owner goes there.
      IF (SELECT c.relrowsecurity FROM pg_catalog.pg_class c WHERE c.oid = parent) THEN
        EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY',
          (SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           WHERE c.oid = parent), part);
      END IF;
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END $$;
REVOKE ALL ON FUNCTION platform.ensure_partitions FROM PUBLIC;

GRANT USAGE ON SCHEMA platform TO backend_app, backend_city, backend_worker;
GRANT SELECT, INSERT, UPDATE ON platform.idempotency TO backend_app, backend_city;
GRANT EXECUTE ON FUNCTION platform.forget_answers TO backend_worker;
