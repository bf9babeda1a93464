-- The vault's audit log, made as the backend's (migrations/backend/sql/0003_audit.sql), with a name of its own.
-- Who may do what: the vault INSERTs events; nobody reads, changes or deletes one. The relay of this log comes with
-- its role; until then lines wait here. Nothing is granted on partitions: that would bypass the parent.
CREATE SCHEMA audit;
REVOKE ALL ON SCHEMA audit FROM PUBLIC;
GRANT USAGE ON SCHEMA audit TO vault_app;

-- Events in the transaction of their effect. `line` is the JSON before the relay adds the sequence; the check
-- lets the relay trust its shape, so that no row can stop the log. `metadata` is its last member, hence "}}".
CREATE TABLE audit.event (
    id   uuid  NOT NULL,
    xid  xid8  NOT NULL DEFAULT pg_current_xact_id(),
    line text  NOT NULL,
    CONSTRAINT event_pkey PRIMARY KEY (id),
    CONSTRAINT event_line CHECK (
        octet_length(line) <= 64000
        AND strpos(line, E'\n') = 0
        AND right(line, 2) = '}}'
        AND line IS JSON OBJECT WITH UNIQUE KEYS
        AND line::json -> 'metadata' ->> 'uid' = id::text
        AND line::json -> 'metadata' -> 'sequence' IS NULL)
) PARTITION BY RANGE (id);
-- The total order. It is read below the watermark: a lower xid may commit later.
CREATE INDEX event_order ON audit.event (xid, id);
-- Not xid: whoever chose it could place an event before the relay's cursor, where it is never read.
GRANT INSERT (id, line) ON audit.event TO vault_app;

-- Keys of pseudonyms, outside the log: erasure deletes the row and the log stays as it is.
-- `period` is "2026Q4".
CREATE TABLE audit.pseudonym_key (
    iss        text        NOT NULL,
    sub        text        NOT NULL,
    period     text        NOT NULL,
    key        bytea       NOT NULL CHECK (octet_length(key) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (iss, sub, period)
);
-- Nobody is granted the table: its list of people and periods would name who stands behind the lines. The key of
-- a person who is named is found or made; `fresh` is the random key that is kept when there is none.
CREATE FUNCTION audit.key_of_pseudonym(person_iss text, person_sub text, of_period text, fresh bytea) RETURNS bytea
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    found bytea := (SELECT p.key FROM audit.pseudonym_key p
        WHERE p.iss = person_iss AND p.sub = person_sub AND p.period = of_period);
BEGIN
    IF found IS NULL THEN
        -- Somebody else may make it at the same time: whoever commits first decides for both.
        INSERT INTO audit.pseudonym_key (iss, sub, period, key) VALUES (person_iss, person_sub, of_period, fresh)
        ON CONFLICT DO NOTHING;
        SELECT p.key INTO STRICT found FROM audit.pseudonym_key p
        WHERE p.iss = person_iss AND p.sub = person_sub AND p.period = of_period;
    END IF;
    RETURN found;
END $$;

-- One row an epoch. Counters are sizes: relp_acked = n means that 0 .. n-1 were acknowledged by the receiver,
-- which is no receipt; soc_confirmed moves only by the SOC's own statement.
CREATE TABLE audit.log (
    epoch           integer     PRIMARY KEY CHECK (epoch >= 1),
    origin          text        NOT NULL UNIQUE,
    previous_origin text,
    previous_size   bigint,
    previous_root   bytea,
    opened_at       timestamptz NOT NULL DEFAULT now(),
    next_sequence   bigint      NOT NULL DEFAULT 0,
    read_xid        xid8        NOT NULL DEFAULT '0',
    read_id         uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    relp_acked      bigint      NOT NULL DEFAULT 0,
    soc_confirmed   bigint      NOT NULL DEFAULT 0,
    CHECK (0 <= relp_acked AND relp_acked <= next_sequence),
    CHECK (0 <= soc_confirmed AND soc_confirmed <= next_sequence),
    CHECK ((epoch = 1) = (previous_origin IS NULL))
);
INSERT INTO audit.log (epoch, origin) VALUES (1, 'ioc.hanoi.gov.vn/log/vault/1');
GRANT SELECT (epoch, origin) ON audit.log TO vault_app;

-- What is shipped, byte for byte: the leaves.
CREATE TABLE audit.leaf (
    epoch    integer NOT NULL REFERENCES audit.log,
    sequence bigint  NOT NULL CHECK (sequence >= 0),
    event_id uuid    NOT NULL,
    line     bytea   NOT NULL CHECK (octet_length(line) <= 65535),
    PRIMARY KEY (epoch, sequence)
) PARTITION BY RANGE (sequence);

-- Refusals of callers who proved nothing: counted, then one event per (network, reason, minute).
CREATE TABLE audit.refusal_count (
    network inet        NOT NULL,
    reason  text        NOT NULL CHECK (reason ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$'),
    minute  timestamptz NOT NULL,
    count   bigint      NOT NULL CHECK (count > 0),
    PRIMARY KEY (minute, network, reason)
);

-- Months of audit.event from the last one to `months` ahead, and a million free places in audit.leaf.
-- Tables are attached, not created in place: that would lock out every writer.
CREATE FUNCTION audit.ensure_partitions(months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET timezone = 'UTC' AS $$
DECLARE
    since timestamptz := date_trunc('month', now()) - interval '1 month';
    made integer := 0;
    places bigint;
BEGIN
    IF months NOT BETWEEN 1 AND 120 THEN
        RAISE EXCEPTION 'months must be 1 to 120, not %', months;
    END IF;
    PERFORM pg_advisory_xact_lock(7420031);
    FOR n IN 0 .. months + 1 LOOP
        made := made + audit.add_partition('event', to_char(since, 'YYYY_MM'),
            audit.first_id(since)::text, audit.first_id(since + interval '1 month')::text);
        since := since + interval '1 month';
    END LOOP;
    SELECT max(l.next_sequence) / 1000000 + 1 INTO places FROM audit.log l;
    FOR n IN 0 .. places LOOP
        made := made + audit.add_partition('leaf', lpad(n::text, 6, '0'),
            (n * 1000000::bigint)::text, ((n + 1) * 1000000::bigint)::text);
    END LOOP;
    RETURN made;
END $$;

-- 1 if the partition was made, 0 if it was there.
CREATE FUNCTION audit.add_partition(parent text, suffix text, low text, high text) RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    name constant text := parent || '_' || suffix;
BEGIN
    IF to_regclass('audit.' || name) IS NOT NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('CREATE TABLE audit.%I (LIKE audit.%I INCLUDING ALL)', name, parent);
    EXECUTE format('ALTER TABLE audit.%I ATTACH PARTITION audit.%I FOR VALUES FROM (%L) TO (%L)',
        parent, name, low, high);
    RETURN 1;
END $$;

-- The lowest uuidv7 of a moment (RFC 9562, 5.7: the first 48 bits are milliseconds).
CREATE FUNCTION audit.first_id(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT SET search_path = '' AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Add counts to the present minute. Sorted, so that two callers can't deadlock.
CREATE FUNCTION audit.count_refusals(networks inet[], reasons text[], counts bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    INSERT INTO audit.refusal_count AS r (network, reason, minute, count)
    SELECT c.network, c.reason, date_trunc('minute', now(), 'UTC'), sum(c.count)
    FROM unnest(networks, reasons, counts) AS c (network, reason, count)
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (minute, network, reason) DO UPDATE SET count = r.count + excluded.count
$$;

-- Remove and return the counts of the minutes before `before`, for the events that replace them.
CREATE FUNCTION audit.take_refusals(before timestamptz)
RETURNS TABLE (network inet, reason text, minute timestamptz, count bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    DELETE FROM audit.refusal_count r WHERE r.minute < before
    RETURNING r.network, r.reason, r.minute, r.count
$$;

-- After every restore: a new log, whose first line names the old one. Run by the owner with the relay stopped.
-- Stored xids may be above a new cluster's own, where the relay would wait for ever, so events are stamped
-- again: those already in the old log below everything, the others now.
CREATE FUNCTION audit.open_epoch(old_root bytea, above integer DEFAULT 0) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    old audit.log;
    new_epoch integer;
    new_origin text;
BEGIN
    SELECT * INTO STRICT old FROM audit.log l ORDER BY l.epoch DESC LIMIT 1 FOR UPDATE;
    new_epoch := greatest(old.epoch, above) + 1;
    new_origin := regexp_replace(old.origin, '[0-9]+$', new_epoch::text);
    UPDATE audit.event SET xid = CASE WHEN (xid, id) > (old.read_xid, old.read_id)
        THEN pg_current_xact_id() ELSE '1'::xid8 END;
    INSERT INTO audit.log (epoch, origin, previous_origin, previous_size, previous_root, read_xid, read_id)
    VALUES (new_epoch, new_origin, old.origin, old.next_sequence, old_root,
        '1', 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    RETURN new_origin;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.ensure_partitions(integer), audit.key_of_pseudonym(text, text, text, bytea),
    audit.count_refusals(inet[], text[], bigint[]), audit.take_refusals(timestamptz) TO vault_app;

SELECT audit.ensure_partitions(24);

CREATE SCHEMA platform;
REVOKE ALL ON SCHEMA platform FROM PUBLIC;
GRANT USAGE ON SCHEMA platform TO vault_app;
CREATE FUNCTION platform.migration() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$ SELECT max(version_num::text) FROM migration.alembic_version $$;
REVOKE EXECUTE ON FUNCTION platform.migration FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.migration TO vault_app;
