-- The register of authority: statements of exact octets in one chain. What a statement says counts by its signatures,
-- which the vault checks whenever it loads one; a row that nobody signed breaks the register and gives nothing.
-- Who may do what: the vault reads, and adds by authority.append; nobody changes or deletes a row.
CREATE SCHEMA authority;
REVOKE ALL ON SCHEMA authority FROM PUBLIC;
GRANT USAGE ON SCHEMA authority TO vault_app;

CREATE TABLE authority.statement (
    n        bigint      PRIMARY KEY CHECK (n >= 0),
    octets   bytea       NOT NULL CHECK (octet_length(octets) BETWEEN 2 AND 32768),
    head     bytea       NOT NULL UNIQUE CHECK (octet_length(head) = 32),
    added_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE authority.statement ENABLE ROW LEVEL SECURITY;
ALTER TABLE authority.statement FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody_reads ON authority.statement FOR SELECT TO vault_app USING (true);
-- Forced, so the functions below need policies too.
CREATE POLICY chain_looks ON authority.statement FOR SELECT TO vault_owner USING (true);
CREATE POLICY chain_grows ON authority.statement FOR INSERT TO vault_owner WITH CHECK (true);
GRANT SELECT (n, octets, head) ON authority.statement TO vault_app;

-- Add `statement` as number `at`, and return the new head; NULL when another one came first. One at a time: the
-- lock is held until the transaction ends.
CREATE FUNCTION authority.append(at bigint, statement bytea) RETURNS bytea
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    newest authority.statement;
    made bytea := sha256(statement);
BEGIN
    PERFORM pg_advisory_xact_lock(7420061);
    SELECT * INTO newest FROM authority.statement s ORDER BY s.n DESC LIMIT 1;
    IF at <> coalesce(newest.n + 1, 0) THEN
        RETURN NULL;
    END IF;
    IF newest.n IS NOT NULL THEN
        made := sha256(newest.head || made);
    END IF;
    INSERT INTO authority.statement (n, octets, head) VALUES (at, statement, made);
    RETURN made;
END $$;

-- The number of the newest statement, -1 before the first: an opening's WHERE repeats the one it was decided on.
CREATE FUNCTION authority.epoch() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$ SELECT coalesce(max(s.n), -1) FROM authority.statement s $$;

-- The head that the vault's log noted last: a register without it is older than the log.
CREATE INDEX event_register ON audit.event (id) WHERE strpos(line, '"action":"authority.append"') > 0;
CREATE FUNCTION authority.noted_head() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT substring(e.line FROM '"resource":"register:([0-9a-f]{64})"') FROM audit.event e
    WHERE strpos(e.line, '"action":"authority.append"') > 0
      AND e.line::json -> 'unmapped' ->> 'action' = 'authority.append'
      AND e.line::json -> 'unmapped' ->> 'decision' = 'allow'
    ORDER BY e.id DESC LIMIT 1
$$;

-- Proposals and the signatures that came for them so far. They are no authority: what counts is checked when enough
-- of them are put together to a statement. Rows are forgotten when no statement can come of them any more.
CREATE TABLE authority.proposal (
    id       uuid        PRIMARY KEY,
    payload  bytea       NOT NULL CHECK (octet_length(payload) BETWEEN 2 AND 16384),
    person   text        NOT NULL CHECK (octet_length(person) <= 64),
    added_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE authority.signature (
    proposal  uuid        NOT NULL REFERENCES authority.proposal ON DELETE CASCADE,
    jkt       text        NOT NULL CHECK (jkt ~ '^[A-Za-z0-9_-]{43}$'),
    protected text        NOT NULL CHECK (octet_length(protected) <= 512),
    signature text        NOT NULL CHECK (octet_length(signature) <= 128),
    added_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (proposal, jkt)
);

-- One-time activation codes (as digests), and the device that came with one: a candidate, until two officers have
-- compared its fingerprint and signed.
CREATE TABLE authority.activation (
    digest   bytea       PRIMARY KEY CHECK (octet_length(digest) = 32),
    person   text        NOT NULL CHECK (octet_length(person) <= 64),
    officer  text        NOT NULL CHECK (octet_length(officer) <= 64),
    added_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE authority.candidate (
    digest   bytea       PRIMARY KEY REFERENCES authority.activation ON DELETE CASCADE,
    jkt      text        NOT NULL CHECK (jkt ~ '^[A-Za-z0-9_-]{43}$'),
    x        text        NOT NULL CHECK (octet_length(x) = 43),
    y        text        NOT NULL CHECK (octet_length(y) = 43),
    native   boolean     NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now()
);
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['proposal', 'signature', 'activation', 'candidate'] LOOP
        EXECUTE format('ALTER TABLE authority.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE authority.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY vault_reads ON authority.%I FOR SELECT TO vault_app USING (true)', name);
        EXECUTE format('CREATE POLICY vault_adds ON authority.%I FOR INSERT TO vault_app WITH CHECK (true)', name);
    END LOOP;
END $$;
-- What belongs to them goes with them.
CREATE POLICY sweep_looks ON authority.proposal FOR SELECT TO vault_owner USING (true);
CREATE POLICY sweep_deletes ON authority.proposal FOR DELETE TO vault_owner
    USING (added_at < now() - interval '4 days');
CREATE POLICY sweep_looks ON authority.activation FOR SELECT TO vault_owner USING (true);
CREATE POLICY sweep_deletes ON authority.activation FOR DELETE TO vault_owner
    USING (added_at < now() - interval '4 days');
GRANT SELECT, INSERT (id, payload, person) ON authority.proposal TO vault_app;
GRANT SELECT, INSERT (proposal, jkt, protected, signature) ON authority.signature TO vault_app;
GRANT SELECT, INSERT (digest, person, officer) ON authority.activation TO vault_app;
GRANT SELECT, INSERT (digest, jkt, x, y, native) ON authority.candidate TO vault_app;

-- A proposal lives 72 hours (vault/authority/rules.py).
CREATE FUNCTION authority.sweep() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    DELETE FROM authority.proposal p WHERE p.added_at < now() - interval '4 days';
    DELETE FROM authority.activation a WHERE a.added_at < now() - interval '4 days'
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA authority FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authority.append(bigint, bytea), authority.epoch(), authority.noted_head(),
    authority.sweep() TO vault_app;
