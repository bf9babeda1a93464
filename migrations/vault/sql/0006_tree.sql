-- The relay of the vault's log, and the log's Merkle tree (audit/tree.py).
-- Who may do what: the relay reads events, makes leaves, tiles, checkpoints, cosignatures, and moves its own counters;
-- it changes and deletes nothing. The vault sees what was signed and cosigned. Nobody else anything.
DO $$
BEGIN
  -- Roles belong to the cluster, not to the database: a second database (a test's) finds them there.
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vault_relay') THEN
    CREATE ROLE vault_relay LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
  END IF;
  ALTER ROLE vault_relay SET transaction_timeout = '5s';
  ALTER ROLE vault_relay SET idle_in_transaction_session_timeout = '5s';
  ALTER ROLE vault_relay SET search_path = '';
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO vault_relay', current_database());
END $$;

SET LOCAL ROLE vault_owner;
GRANT USAGE ON SCHEMA audit, platform TO vault_relay;
GRANT EXECUTE ON FUNCTION platform.migration TO vault_relay;
GRANT SELECT ON audit.event TO vault_relay;
GRANT SELECT, UPDATE (next_sequence, read_xid, read_id, relp_acked) ON audit.log TO vault_relay;
GRANT SELECT, INSERT ON audit.leaf TO vault_relay;

-- Full tiles, as C2SP tlog-tiles has them: 256 hashes of one level. `root` is their root, a hash of the next level.
CREATE TABLE audit.tile (
    epoch  integer  NOT NULL REFERENCES audit.log,
    level  smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    index  bigint   NOT NULL CHECK (index >= 0),
    hashes bytea    NOT NULL CHECK (octet_length(hashes) = 8192),
    root   bytea    NOT NULL CHECK (octet_length(root) = 32),
    PRIMARY KEY (epoch, level, index)
);
GRANT SELECT, INSERT ON audit.tile TO vault_relay;
-- Hashes don't compress.
ALTER TABLE audit.tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- What the log's key signed. One root a size: a second one would be a fork.
CREATE TABLE audit.checkpoint (
    epoch integer     NOT NULL REFERENCES audit.log,
    size  bigint      NOT NULL CHECK (size > 0),
    root  bytea       NOT NULL CHECK (octet_length(root) = 32),
    note  text        NOT NULL CHECK (octet_length(note) <= 4096),
    at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (epoch, size)
);
GRANT SELECT, INSERT (epoch, size, root, note) ON audit.checkpoint TO vault_relay;
GRANT SELECT ON audit.checkpoint TO vault_app;

-- What witnesses said of them; `at` is the witness's clock, `line` its signature line.
CREATE TABLE audit.cosignature (
    epoch    integer     NOT NULL,
    size     bigint      NOT NULL,
    witness  text        NOT NULL CHECK (octet_length(witness) BETWEEN 1 AND 255),
    at       timestamptz NOT NULL,
    line     text        NOT NULL CHECK (octet_length(line) <= 1024),
    received timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (epoch, witness, size, at),
    FOREIGN KEY (epoch, size) REFERENCES audit.checkpoint
);
GRANT SELECT, INSERT (epoch, size, witness, at, line) ON audit.cosignature TO vault_relay;
GRANT SELECT ON audit.cosignature TO vault_app;
RESET ROLE;
