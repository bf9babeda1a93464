-- Epoch keys, wrapped by the vault's own OpenBao, and the wrapped seeds of request keys.
-- Who may do what: the vault asks functions for one epoch by its whole name, or begins one; it can list, change and
-- delete none. Who rotates (vault_keyring, ./ioc vault …) lists them and exchanges how they are wrapped, or removes
-- those that were destroyed. Without OpenBao the rows open nothing.
CREATE SCHEMA keyring;
REVOKE ALL ON SCHEMA keyring FROM PUBLIC;
GRANT USAGE ON SCHEMA keyring TO vault_app, vault_keyring;

-- `tenant` is a unit's code; `class` 1 internal, 2 personal, 3 party, 4 restricted. `wrapped` is OpenBao's own form.
CREATE TABLE keyring.epoch_key (
    tenant  text        NOT NULL CHECK (tenant ~ '^[0-9CDP][0-9]{4}$'),
    class   smallint    NOT NULL CHECK (class BETWEEN 1 AND 4),
    epoch   integer     NOT NULL CHECK (epoch >= 1),
    wrapped text        NOT NULL CHECK (wrapped ~ '^vault:v[1-9][0-9]*:[A-Za-z0-9+/=]{60,200}$'),
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, class, epoch)
);
ALTER TABLE keyring.epoch_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE keyring.epoch_key FORCE ROW LEVEL SECURITY;
-- Forced, so the functions below need policies too: each is held to the name that it was called with.
CREATE POLICY named_looks ON keyring.epoch_key FOR SELECT TO vault_owner
    USING (tenant = nullif(current_setting('ioc.keyring_tenant', true), ''));
CREATE POLICY named_begins ON keyring.epoch_key FOR INSERT TO vault_owner
    WITH CHECK (tenant = nullif(current_setting('ioc.keyring_tenant', true), ''));
CREATE POLICY rotator_looks ON keyring.epoch_key FOR SELECT TO vault_keyring USING (true);
CREATE POLICY rotator_rewraps ON keyring.epoch_key FOR UPDATE TO vault_keyring USING (true);
CREATE POLICY rotator_begins ON keyring.epoch_key FOR INSERT TO vault_keyring WITH CHECK (true);
CREATE POLICY rotator_removes ON keyring.epoch_key FOR DELETE TO vault_keyring USING (true);
GRANT SELECT, DELETE ON keyring.epoch_key TO vault_keyring;
GRANT UPDATE (wrapped) ON keyring.epoch_key TO vault_keyring;
GRANT INSERT (tenant, class, epoch, wrapped) ON keyring.epoch_key TO vault_keyring;

-- An epoch by its number, or the newest.
CREATE FUNCTION keyring.find(of_tenant text, of_class integer, of_epoch integer)
RETURNS TABLE (epoch integer, wrapped text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    PERFORM set_config('ioc.keyring_tenant', of_tenant, true);
    RETURN QUERY SELECT k.epoch, k.wrapped FROM keyring.epoch_key k
        WHERE k.tenant = of_tenant AND k.class = of_class AND (of_epoch IS NULL OR k.epoch = of_epoch)
        ORDER BY k.epoch DESC LIMIT 1;
    PERFORM set_config('ioc.keyring_tenant', '', true);
END $$;

-- The first epoch, whoever comes first; returns the key that stands.
CREATE FUNCTION keyring.begin(of_tenant text, of_class integer, as_wrapped text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    stands text;
BEGIN
    PERFORM set_config('ioc.keyring_tenant', of_tenant, true);
    INSERT INTO keyring.epoch_key (tenant, class, epoch, wrapped)
    SELECT of_tenant, of_class, 1, as_wrapped
    WHERE NOT EXISTS (SELECT FROM keyring.epoch_key k WHERE k.tenant = of_tenant AND k.class = of_class)
    ON CONFLICT DO NOTHING;
    SELECT k.wrapped INTO stands FROM keyring.epoch_key k
    WHERE k.tenant = of_tenant AND k.class = of_class AND k.epoch = 1;
    PERFORM set_config('ioc.keyring_tenant', '', true);
    RETURN stands;
END $$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA keyring FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keyring.find(text, integer, integer), keyring.begin(text, integer, text)
    TO vault_app;

-- Seeds of request keys: a restart answers what was sealed before it, and so does any other process.
CREATE TABLE calls.request_key (
    kid       bytea       PRIMARY KEY CHECK (octet_length(kid) = 8),
    made      timestamptz NOT NULL,
    not_after timestamptz NOT NULL CHECK (not_after > made AND not_after <= made + interval '48 hours'),
    wrapped   text        NOT NULL CHECK (wrapped ~ '^vault:v[1-9][0-9]*:[A-Za-z0-9+/=]{60,200}$')
);
ALTER TABLE calls.request_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE calls.request_key FORCE ROW LEVEL SECURITY;
CREATE POLICY all_live ON calls.request_key FOR SELECT TO vault_app USING (true);
CREATE POLICY new_ones ON calls.request_key FOR INSERT TO vault_app WITH CHECK (true);
CREATE POLICY over_look ON calls.request_key FOR SELECT TO vault_owner USING (not_after <= now() - interval '1 hour');
CREATE POLICY over_delete ON calls.request_key FOR DELETE TO vault_owner USING (not_after <= now() - interval '1 hour');
GRANT SELECT, INSERT ON calls.request_key TO vault_app;

-- A request that was sealed in a key's last second may be on its way for an hour; then its seed is gone.
CREATE FUNCTION calls.forget_request_keys() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH gone AS (
        DELETE FROM calls.request_key k WHERE k.not_after <= now() - interval '1 hour' RETURNING 1)
    SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION calls.forget_request_keys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION calls.forget_request_keys() TO vault_app;
