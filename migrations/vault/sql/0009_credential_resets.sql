-- Resets of people's credentials at Keycloak, as the vault reads them there itself: who was reset has no access to the
-- vault until the enrolment is repeated. Who may do what: the vault notes resets, lifts them, moves its cursors.
CREATE SCHEMA credentials;
REVOKE ALL ON SCHEMA credentials FROM PUBLIC;
GRANT USAGE ON SCHEMA credentials TO vault_app;

-- How far the events of one kind were read. It moves in the transaction that notes what was found up to there.
CREATE TABLE credentials.event_cursor (
    kind   text        PRIMARY KEY CHECK (kind IN ('user', 'admin')),
    newest timestamptz NOT NULL
);

-- `event_id` is Keycloak's. A row that was lifted stays: the same event, read again, suspends nobody anew.
CREATE TABLE credentials.suspension (
    event_id  text        PRIMARY KEY CHECK (octet_length(event_id) BETWEEN 1 AND 255),
    sub       text        NOT NULL CHECK (octet_length(sub) BETWEEN 1 AND 255),
    cause     text        NOT NULL CHECK (octet_length(cause) BETWEEN 1 AND 255),
    reset_at  timestamptz NOT NULL,
    noted_at  timestamptz NOT NULL DEFAULT now(),
    lifted_at timestamptz
);
CREATE INDEX suspension_in_force ON credentials.suspension (sub) WHERE lifted_at IS NULL;

GRANT SELECT, INSERT, UPDATE (newest) ON credentials.event_cursor TO vault_app;
GRANT SELECT, INSERT (event_id, sub, cause, reset_at), UPDATE (lifted_at) ON credentials.suspension TO vault_app;
