-- Proofs of calls: one is good once. The row is inserted in the transaction of its event, or with the refusal.
-- Who may do what: the vault INSERTs rows of the device whose call this transaction is, and sees none.
CREATE SCHEMA calls;
REVOKE ALL ON SCHEMA calls FROM PUBLIC;
GRANT USAGE ON SCHEMA calls TO vault_app;

CREATE TABLE calls.proof (
    jkt  text        NOT NULL CHECK (jkt ~ '^[A-Za-z0-9_-]{43}$'),
    jti  text        NOT NULL CHECK (octet_length(jti) BETWEEN 1 AND 128),
    used timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (jkt, jti)
);
CREATE INDEX proof_used ON calls.proof (used);
ALTER TABLE calls.proof ENABLE ROW LEVEL SECURITY;
ALTER TABLE calls.proof FORCE ROW LEVEL SECURITY;
CREATE POLICY own_device ON calls.proof FOR INSERT TO vault_app
    WITH CHECK (jkt = nullif(current_setting('ioc.device', true), ''));
-- Forced, so the sweeping function below needs a policy too.
CREATE POLICY sweep_looks ON calls.proof FOR SELECT TO vault_owner USING (used < now() - interval '150 seconds');
CREATE POLICY sweep_deletes ON calls.proof FOR DELETE TO vault_owner USING (used < now() - interval '150 seconds');
GRANT INSERT (jkt, jti) ON calls.proof TO vault_app;

-- Proofs are taken for 60 s before and after their `iat`: none can come back after 150 s.
CREATE FUNCTION calls.sweep() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH gone AS (DELETE FROM calls.proof p WHERE p.used < now() - interval '150 seconds' RETURNING 1)
    SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION calls.sweep() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION calls.sweep() TO vault_app;
