-- What is asked of the directory, the only process that administers Keycloak (docs/decisions/0025).
-- Who may do what: app, city and worker INSERT requests and ask what became of one whose id they know; the
-- directory reads them, notes its steps and what may be used once only; nobody deletes anything. No row gives
-- power: the directory believes signatures.
CREATE SCHEMA directory;
REVOKE ALL ON SCHEMA directory FROM PUBLIC;
GRANT USAGE ON SCHEMA directory TO backend_app, backend_city, backend_worker, backend_directory;

-- `jws` is what the asking process signed; the columns beside it are for finding and showing. It is emptied
-- when the request is over: names and addresses of people need not stay.
CREATE TABLE directory.request (
    id         uuid        NOT NULL,
    signer     text        NOT NULL CHECK (signer IN ('api', 'worker')),
    operation  text        NOT NULL CHECK (operation ~ '^[a-z]{1,20}\.[a-z][a-z_]{0,19}$'),
    target     text        NOT NULL CHECK (length(target) BETWEEN 1 AND 128),
    jws        text        CHECK (length(jws) <= 16384),
    state      text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'refused')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts   int         NOT NULL DEFAULT 0,
    next_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Why the last attempt came to nothing: a word of the directory's own.
    fault      text        CHECK (fault ~ '^[a-z][a-z0-9_]{0,39}$'),
    -- An operator's word: the directory refuses it.
    give_up    boolean     NOT NULL DEFAULT false,
    -- It was told that this one waits too long.
    alarmed_at timestamptz,
    ended_at   timestamptz,
    -- Why it was refused: `area.reason`.
    code       text        CHECK (code ~ '^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$'),
    result     jsonb,
    CONSTRAINT request_pkey PRIMARY KEY (id),
    CONSTRAINT request_ended CHECK ((state = 'waiting') = (ended_at IS NULL)
        AND (state = 'waiting') = (jws IS NOT NULL) AND (state = 'refused') = (code IS NOT NULL))
);
-- One target, one request at a time, in the order of asking (uuidv7).
CREATE INDEX request_waiting ON directory.request (target, id) WHERE state = 'waiting';
CREATE INDEX request_next ON directory.request (next_at) WHERE state = 'waiting';

-- What officers' devices sent, octet by octet; emptied with the request.
CREATE TABLE directory.asking (
    request_id uuid     NOT NULL REFERENCES directory.request,
    position   smallint NOT NULL CHECK (position BETWEEN 0 AND 1),
    body       bytea    NOT NULL CHECK (octet_length(body) <= 131072),
    token      text     NOT NULL CHECK (length(token) <= 8192),
    proof      text     NOT NULL CHECK (length(proof) <= 4096),
    CONSTRAINT asking_pkey PRIMARY KEY (request_id, position)
);

-- Steps of a request that are done, so that a restart goes on behind them.
CREATE TABLE directory.step (
    request_id uuid        NOT NULL REFERENCES directory.request,
    name       text        NOT NULL CHECK (name ~ '^[a-z][a-z_]{0,39}$'),
    value      text,
    done_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT step_pkey PRIMARY KEY (request_id, name)
);

-- What may be used for one request only, for ever: a request's own name, an officer's proof.
CREATE TABLE directory.used (
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('request', 'proof')),
    key        text COLLATE "C" NOT NULL CHECK (length(key) <= 64),
    jti        text COLLATE "C" NOT NULL CHECK (length(jti) <= 128),
    request_id uuid             NOT NULL,
    used_at    timestamptz      NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT used_pkey PRIMARY KEY (kind, key, jti)
);

-- Parameters that an officer's device signed in full: the invitation once more may have these and no others.
CREATE TABLE directory.vouched (
    target text  NOT NULL CHECK (length(target) <= 128),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    CONSTRAINT vouched_pkey PRIMARY KEY (target, digest)
);

GRANT INSERT (id, signer, operation, target, jws) ON directory.request
    TO backend_app, backend_city, backend_worker;
GRANT INSERT ON directory.asking TO backend_app, backend_city, backend_worker;
GRANT SELECT, UPDATE (jws, state, attempts, next_at, fault, give_up, alarmed_at, ended_at, code, result)
    ON directory.request TO backend_directory;
-- Taken away when the request is over; nothing else can be deleted.
GRANT SELECT, DELETE ON directory.asking TO backend_directory;
GRANT SELECT, INSERT ON directory.step, directory.used, directory.vouched TO backend_directory;

-- What became of a request, for who knows its id: 74 random bits.
CREATE FUNCTION directory.outcome(a_request uuid) RETURNS TABLE (state text, code text, result jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT r.state, r.code, r.result FROM directory.request r WHERE r.id = a_request
$$;
REVOKE ALL ON FUNCTION directory.outcome FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.outcome TO backend_app, backend_city, backend_worker;

-- How many wait, since when: for metrics and alarms of whoever may connect here.
CREATE FUNCTION directory.backlog() RETURNS TABLE (waiting bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT count(*), min(r.created_at) FROM directory.request r WHERE r.state = 'waiting'
$$;
REVOKE ALL ON FUNCTION directory.backlog FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.backlog TO backend_worker, backend_directory;

-- Which account of Keycloak a citizen has.
CREATE FUNCTION directory.citizen(an_id uuid) RETURNS TABLE (issuer text, subject text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT c.issuer, c.subject FROM citizens.citizen c WHERE c.id = an_id
$$;
REVOKE ALL ON FUNCTION directory.citizen FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.citizen TO backend_directory;

-- The directory enqueues the job that goes on when a request is over.
GRANT USAGE ON SCHEMA jobs TO backend_directory;
GRANT INSERT ON jobs.procrastinate_jobs, jobs.procrastinate_events TO backend_directory;
GRANT SELECT (id) ON jobs.procrastinate_jobs TO backend_directory;
GRANT USAGE ON SEQUENCE jobs.procrastinate_jobs_id_seq, jobs.procrastinate_events_id_seq TO backend_directory;
GRANT EXECUTE ON FUNCTION jobs.procrastinate_defer_jobs_v1(jobs.procrastinate_job_to_defer_v1[])
    TO backend_directory;
