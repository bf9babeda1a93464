-- Records and their versions, sealed under a data key each; results of writes, for 24 h.
-- Who may do what: the vault calls functions and is granted no table. Each function repeats in its condition what was
-- decided on (version, class, the register's epoch), and row-level security, forced on the functions' owner too, shows
-- the holdings that the caller has a clearance for. Content lies here as octets that this database has no key for.
CREATE SCHEMA records;
REVOKE ALL ON SCHEMA records FROM PUBLIC;
GRANT USAGE ON SCHEMA records TO vault_app;

-- How long each class is kept: `keep` from the making on. A mistake may be removed within `mistaken`.
CREATE TABLE records.class (
    class    smallint PRIMARY KEY CHECK (class BETWEEN 1 AND 4),
    keep     interval NOT NULL,
    mistaken interval NOT NULL
);
INSERT INTO records.class VALUES
    (1, interval '10 years', interval '30 days'),
    (2, interval '15 years', interval '30 days'),
    (3, interval '70 years', interval '30 days'),
    (4, interval '15 years', interval '30 days');

-- `tenant` is the code of the unit that the record belongs to. Without `wrapped` nobody opens any version any more.
CREATE TABLE records.record (
    id         uuid        PRIMARY KEY,
    tenant     text        NOT NULL CHECK (tenant ~ '^[0-9CDP][0-9]{4}$'),
    class      smallint    NOT NULL REFERENCES records.class,
    kind       text        NOT NULL CHECK (kind ~ '^[a-z][a-z_]{0,39}$'),
    version    bigint      NOT NULL CHECK (version >= 1),
    wrapped    bytea       CHECK (octet_length(wrapped) = 65),
    made_at    timestamptz NOT NULL,
    keep_until timestamptz NOT NULL,
    deleted_at timestamptz,
    CHECK ((wrapped IS NULL) = (deleted_at IS NOT NULL)),
    UNIQUE (id, tenant, class)
);
CREATE INDEX record_scan ON records.record (tenant, class, kind, id) WHERE deleted_at IS NULL;

CREATE TABLE records.version (
    record  uuid        NOT NULL,
    version bigint      NOT NULL CHECK (version >= 1),
    tenant  text        NOT NULL,
    class   smallint    NOT NULL,
    schema  text        NOT NULL CHECK (schema ~ '^[a-z][a-z_]{0,39}/v[0-9]{1,3}$'),
    sealed  bytea       NOT NULL CHECK (octet_length(sealed) BETWEEN 30 AND 262144),
    by      text        NOT NULL CHECK (octet_length(by) BETWEEN 1 AND 255),
    at      timestamptz NOT NULL,
    PRIMARY KEY (record, version),
    FOREIGN KEY (record, tenant, class) REFERENCES records.record (id, tenant, class)
);

CREATE TABLE records.result (
    sub    text        NOT NULL,
    jkt    text        NOT NULL CHECK (jkt ~ '^[A-Za-z0-9_-]{43}$'),
    id     bytea       NOT NULL CHECK (octet_length(id) = 16),
    tenant text,
    class  smallint,
    sealed bytea,
    at     timestamptz NOT NULL,
    PRIMARY KEY (sub, jkt, id)
);
CREATE INDEX result_at ON records.result (at);

-- What the transaction's caller may come near: "00070:3,D0001:3".
CREATE FUNCTION records.near(of_tenant text, of_class integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT (of_tenant || ':' || of_class)
        = ANY (string_to_array(nullif(current_setting('ioc.holdings', true), ''), ','))
$$;

ALTER TABLE records.record ENABLE ROW LEVEL SECURITY;
ALTER TABLE records.record FORCE ROW LEVEL SECURITY;
CREATE POLICY of_holdings ON records.record TO vault_owner
    USING (records.near(tenant, class)) WITH CHECK (records.near(tenant, class));
ALTER TABLE records.version ENABLE ROW LEVEL SECURITY;
ALTER TABLE records.version FORCE ROW LEVEL SECURITY;
CREATE POLICY of_holdings ON records.version TO vault_owner
    USING (records.near(tenant, class)) WITH CHECK (records.near(tenant, class));
ALTER TABLE records.result ENABLE ROW LEVEL SECURITY;
ALTER TABLE records.result FORCE ROW LEVEL SECURITY;
CREATE POLICY own_device ON records.result TO vault_owner
    USING (jkt = nullif(current_setting('ioc.device', true), ''))
    WITH CHECK (jkt = nullif(current_setting('ioc.device', true), ''));
CREATE POLICY sweep_looks ON records.result FOR SELECT TO vault_owner USING (at < now() - interval '24 hours');
CREATE POLICY sweep_deletes ON records.result FOR DELETE TO vault_owner USING (at < now() - interval '24 hours');

-- Whether a version above the record's newest lies there: somebody has set the record back, and it opens no more.
CREATE FUNCTION records.set_back(of_record uuid, to_version bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT EXISTS (SELECT FROM records.version v WHERE v.record = of_record AND v.version > to_version)
$$;

CREATE FUNCTION records.head(of_record uuid, of_kind text)
RETURNS TABLE (tenant text, class_ smallint, version bigint, made_at timestamptz, keep_until timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT r.tenant, r.class, r.version, r.made_at, r.keep_until FROM records.record r
    WHERE r.id = of_record AND r.kind = of_kind AND r.deleted_at IS NULL AND NOT records.set_back(r.id, r.version)
$$;

CREATE FUNCTION records.locked(of_record uuid, of_kind text)
RETURNS TABLE (tenant text, class_ smallint, version bigint, made_at timestamptz, keep_until timestamptz, wrapped bytea)
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    SELECT r.tenant, r.class, r.version, r.made_at, r.keep_until, r.wrapped FROM records.record r
    WHERE r.id = of_record AND r.kind = of_kind AND r.deleted_at IS NULL AND NOT records.set_back(r.id, r.version)
    FOR UPDATE OF r
$$;

-- The one way to content of one record. No row: something has changed since it was decided.
CREATE FUNCTION records.opened(
    of_record uuid, of_tenant text, of_class integer, of_version bigint, of_epoch bigint)
RETURNS TABLE (wrapped bytea, schema text, sealed bytea, at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    RETURN QUERY SELECT r.wrapped, v.schema, v.sealed, v.at
        FROM records.record r JOIN records.version v ON v.record = r.id AND v.version = r.version
        WHERE r.id = of_record AND r.tenant = of_tenant AND r.class = of_class AND r.version = of_version
            AND r.deleted_at IS NULL AND authority.epoch() = of_epoch AND NOT records.set_back(r.id, r.version);
END $$;

CREATE FUNCTION records.put_new(
    of_record uuid, of_tenant text, of_class integer, of_kind text, as_wrapped bytea, as_schema text,
    as_sealed bytea, by_sub text, at_moment timestamptz, of_epoch bigint)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    IF authority.epoch() IS DISTINCT FROM of_epoch THEN
        RETURN false;
    END IF;
    INSERT INTO records.record (id, tenant, class, kind, version, wrapped, made_at, keep_until)
    SELECT of_record, of_tenant, of_class, of_kind, 1, as_wrapped, at_moment, at_moment + c.keep
    FROM records.class c WHERE c.class = of_class;
    INSERT INTO records.version (record, version, tenant, class, schema, sealed, by, at)
    VALUES (of_record, 1, of_tenant, of_class, as_schema, as_sealed, by_sub, at_moment);
    RETURN true;
END $$;

-- `of_version` is the one that is written, the newest and one.
CREATE FUNCTION records.put_next(
    of_record uuid, of_tenant text, of_class integer, of_version bigint, as_schema text, as_sealed bytea,
    by_sub text, at_moment timestamptz, of_epoch bigint)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    UPDATE records.record r SET version = of_version
    WHERE r.id = of_record AND r.tenant = of_tenant AND r.class = of_class AND r.version = of_version - 1
        AND r.deleted_at IS NULL AND authority.epoch() = of_epoch;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO records.version (record, version, tenant, class, schema, sealed, by, at)
    VALUES (of_record, of_version, of_tenant, of_class, as_schema, as_sealed, by_sub, at_moment);
    RETURN true;
END $$;

-- The wrapped key and every version's octets are gone; that there was a record stays.
CREATE FUNCTION records.deleted(
    of_record uuid, of_tenant text, of_class integer, of_version bigint, at_moment timestamptz, of_epoch bigint)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    UPDATE records.record r SET wrapped = NULL, deleted_at = at_moment
    FROM records.class c
    WHERE r.id = of_record AND r.tenant = of_tenant AND r.class = of_class AND r.version = of_version
        AND r.deleted_at IS NULL AND c.class = r.class
        AND (at_moment < r.made_at + c.mistaken OR at_moment >= r.keep_until)
        AND authority.epoch() = of_epoch;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM records.version v WHERE v.record = of_record;
    RETURN true;
END $$;

CREATE FUNCTION records.history(of_record uuid, of_tenant text, of_class integer, of_epoch bigint)
RETURNS TABLE (version bigint, at timestamptz, by text, octets integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    RETURN QUERY SELECT v.version, v.at, v.by, octet_length(v.sealed)
        FROM records.version v JOIN records.record r ON r.id = v.record
        WHERE r.id = of_record AND r.tenant = of_tenant AND r.class = of_class AND r.deleted_at IS NULL
            AND authority.epoch() = of_epoch
        ORDER BY v.version DESC LIMIT 200;
END $$;

-- The newest versions of the next `most` records, by id. A register that has changed is told from the end by an error.
CREATE FUNCTION records.scan(
    of_tenants text[], of_class integer, of_kind text, of_epoch bigint, after_record uuid, most integer)
RETURNS TABLE (record uuid, tenant text, version bigint, wrapped bytea, schema text, sealed bytea, at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    IF authority.epoch() IS DISTINCT FROM of_epoch THEN
        RAISE EXCEPTION 'the register has changed' USING ERRCODE = 'V0001';
    END IF;
    RETURN QUERY SELECT r.id, r.tenant, r.version, r.wrapped, v.schema, v.sealed, v.at
        FROM records.record r JOIN records.version v ON v.record = r.id AND v.version = r.version
        WHERE r.tenant = ANY (of_tenants) AND r.class = of_class AND r.kind = of_kind
            AND r.deleted_at IS NULL AND r.id > after_record AND NOT records.set_back(r.id, r.version)
        ORDER BY r.id LIMIT least(most, 1000);
END $$;

-- True when the caller is the first under this id, or the first after 24 h.
CREATE FUNCTION records.claim_result(of_sub text, of_jkt text, of_id bytea, at_moment timestamptz) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH claimed AS (
        INSERT INTO records.result AS r (sub, jkt, id, at) VALUES (of_sub, of_jkt, of_id, at_moment)
        ON CONFLICT (sub, jkt, id) DO UPDATE SET at = excluded.at, sealed = NULL
            WHERE r.at < at_moment - interval '24 hours'
        RETURNING true)
    SELECT EXISTS (SELECT FROM claimed)
$$;
CREATE FUNCTION records.stored_result(of_sub text, of_jkt text, of_id bytea)
RETURNS TABLE (tenant text, class smallint, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT r.tenant, r.class, r.sealed FROM records.result r
    WHERE r.sub = of_sub AND r.jkt = of_jkt AND r.id = of_id
$$;
CREATE FUNCTION records.keep_result(
    of_sub text, of_jkt text, of_id bytea, of_tenant text, of_class integer, as_sealed bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    UPDATE records.result r SET tenant = of_tenant, class = of_class, sealed = as_sealed
    WHERE r.sub = of_sub AND r.jkt = of_jkt AND r.id = of_id
$$;
CREATE FUNCTION records.sweep() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH gone AS (DELETE FROM records.result r WHERE r.at < now() - interval '24 hours' RETURNING 1)
    SELECT count(*) FROM gone
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA records FROM PUBLIC;
GRANT EXECUTE ON FUNCTION records.head(uuid, text), records.locked(uuid, text),
    records.opened(uuid, text, integer, bigint, bigint),
    records.put_new(uuid, text, integer, text, bytea, text, bytea, text, timestamptz, bigint),
    records.put_next(uuid, text, integer, bigint, text, bytea, text, timestamptz, bigint),
    records.deleted(uuid, text, integer, bigint, timestamptz, bigint),
    records.history(uuid, text, integer, bigint),
    records.scan(text[], integer, text, bigint, uuid, integer),
    records.claim_result(text, text, bytea, timestamptz), records.stored_result(text, text, bytea),
    records.keep_result(text, text, bytea, text, integer, bytea), records.sweep() TO vault_app;
