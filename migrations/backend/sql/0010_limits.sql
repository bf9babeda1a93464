-- Limits per person, network and operation, shared by all processes (docs/decisions/0020-rate-limits.md).
-- Who may do what: app calls take() and give_back(), the worker sweep(); nobody reads or writes the table, so
-- nobody can see who calls or make a limit forget.
CREATE SCHEMA limits;
REVOKE ALL ON SCHEMA limits FROM PUBLIC;
GRANT USAGE ON SCHEMA limits TO backend_app, backend_worker;

-- `key`: the first 16 bytes of a SHA-256 over the limit's name and whom it counts; never an address or a name.
-- `tat`: the theoretical arrival time of GCRA in microseconds since 1970: what has been spent is paid back then.
-- `granted` is what the last take() gave. UNLOGGED: a crash forgives, and a take writes no WAL and waits for no disk.
-- No index on tat: with it no update would be HOT. Free space on each page keeps a hot key's versions together.
CREATE UNLOGGED TABLE limits.bucket (
    key     bytea  NOT NULL CONSTRAINT bucket_key CHECK (octet_length(key) = 16),
    tat     bigint NOT NULL,
    granted bigint NOT NULL,
    CONSTRAINT bucket_pkey PRIMARY KEY (key)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.1);

-- Between `least` and `most` permits when positive; when negative, minus the microseconds until `least` are free.
-- `p_interval` is the time one permit takes to come back, `p_tolerance` the whole amount's: both microseconds.
CREATE FUNCTION limits.take(p_key bytea, p_least bigint, p_most bigint, p_interval bigint, p_tolerance bigint)
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
    v_now     constant bigint := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    v_latest  constant bigint := v_now + p_tolerance;
    v_tat     bigint;
    v_granted bigint;
BEGIN
    IF (p_least >= 1 AND p_least <= p_most AND p_interval >= 1 AND p_most * p_interval <= p_tolerance) IS NOT TRUE THEN
        RAISE EXCEPTION 'limits.take: least %, most %, interval %, tolerance %', p_least, p_most, p_interval, p_tolerance;
    END IF;
    -- Without a lock: what is refused in a flood waits for nobody and writes nothing.
    SELECT b.tat INTO v_tat FROM limits.bucket b WHERE b.key = p_key;
    IF v_tat + p_least * p_interval > v_latest THEN
        -- least(): after a limit was made wider, nobody waits for longer than the whole of it.
        RETURN -(least(v_tat, v_latest) + p_least * p_interval - v_latest);
    END IF;
    INSERT INTO limits.bucket AS b (key, tat, granted)
    VALUES (p_key, v_now + p_most * p_interval, p_most)
    ON CONFLICT (key) DO UPDATE SET
        granted = least(p_most, (v_latest - greatest(b.tat, v_now)) / p_interval),
        tat = greatest(b.tat, v_now)
            + p_interval * least(p_most, (v_latest - greatest(b.tat, v_now)) / p_interval)
    WHERE greatest(b.tat, v_now) + p_least * p_interval <= v_latest
    RETURNING b.granted INTO v_granted;
    IF NOT FOUND THEN
        -- Others took the rest between the look and the lock.
        SELECT b.tat INTO v_tat FROM limits.bucket b WHERE b.key = p_key;
        RETURN -greatest(1, coalesce(v_tat, v_now) + p_least * p_interval - v_latest);
    END IF;
    RETURN v_granted;
END
$$;

-- Permits that turned out not to be spent. Giving back what was never taken only reaches the full amount.
CREATE FUNCTION limits.give_back(p_key bytea, p_count bigint, p_interval bigint) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = ''
AS $$
    UPDATE limits.bucket b SET tat = b.tat - p_count * p_interval WHERE b.key = p_key;
$$;

-- Rows that say nothing any more: all is paid back. A row that somebody takes from meanwhile is looked at again.
CREATE FUNCTION limits.sweep() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = ''
AS $$
    WITH swept AS (
        DELETE FROM limits.bucket b
        WHERE b.tat < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
        RETURNING 1
    )
    SELECT count(*) FROM swept
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA limits FROM PUBLIC;
GRANT EXECUTE ON FUNCTION limits.take(bytea, bigint, bigint, bigint, bigint),
    limits.give_back(bytea, bigint, bigint) TO backend_app;
GRANT EXECUTE ON FUNCTION limits.sweep() TO backend_worker;
