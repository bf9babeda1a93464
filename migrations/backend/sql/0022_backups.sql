-- After a restore: a new log, and nothing that was taken away between the moment and the loss comes back.
-- Who may do what: nobody but the superuser, who restores; these functions are granted to no role.

-- As before, and above every epoch that there ever was: a system that is restored a second time to a moment
-- before the first restore would else give two logs one name.
DROP FUNCTION audit.open_epoch(bytea);
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
REVOKE ALL ON FUNCTION audit.open_epoch(bytea, integer) FROM PUBLIC;

CREATE SCHEMA recovery;
REVOKE ALL ON SCHEMA recovery FROM PUBLIC;

-- What was taken away so far, of a database at its newest moment. Of files and texts those whose state changed
-- after the first: what was shown and taken back; a text that was released anew may say something else.
CREATE FUNCTION recovery.taken() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
  RETURN jsonb_build_object(
    'epoch', (SELECT max(l.epoch) FROM audit.log l),
    'keys', (SELECT coalesce(jsonb_agg(jsonb_build_object('iss', k.iss, 'sub', k.sub, 'jkt', k.jkt)), '[]')
             FROM identity.blocked_key k),
    'devices', (SELECT coalesce(jsonb_agg(jsonb_build_object('iss', d.iss, 'sub', d.sub, 'jkt', d.jkt, 'at', d.lost_at)), '[]')
             FROM devices.device d WHERE d.lost_at IS NOT NULL),
    'officials', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'state', o.state)), '[]')
             FROM tenancy.official o WHERE o.state IN ('suspended', 'ended')),
    'duties', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'until', d.until_day)), '[]')
             FROM tenancy.duty d WHERE d.until_day IS NOT NULL),
    'deletions', (SELECT coalesce(jsonb_agg(jsonb_build_object('citizen', d.citizen_id, 'asked', d.asked_at, 'due', d.due_at)), '[]')
             FROM citizens.deletion d),
    'forgotten', (SELECT coalesce(jsonb_agg(c.id), '[]') FROM citizens.citizen c WHERE c.issuer = 'urn:ioc:deleted'),
    'files', (SELECT coalesce(jsonb_agg(m.id), '[]') FROM media.object m WHERE m.state <> 'released' AND m.version > 1),
    'texts', (SELECT coalesce(jsonb_agg(jsonb_build_object('report', t.report_id, 'version', t.version)), '[]')
             FROM releases.text t WHERE t.version > 1));
END $$;

-- Take away again, in a database of before, what `taken` names; how many of each.
-- Deletions are asked for again, as they stand, and for who is gone by now at once: the worker carries out what is
-- due when it starts. Who has taken a request back since keeps the account.
CREATE FUNCTION recovery.take_again(taken jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    keys int; lost int; people int; ended int; deletions int; gone int; kept int; files int; texts int;
BEGIN
    INSERT INTO identity.blocked_key (iss, sub, jkt)
    SELECT k.iss, k.sub, k.jkt FROM jsonb_to_recordset(taken -> 'keys') AS k (iss text, sub text, jkt text)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS keys = ROW_COUNT;
    UPDATE devices.device d SET lost_at = t.at
    FROM jsonb_to_recordset(taken -> 'devices') AS t (iss text, sub text, jkt text, at timestamptz)
    WHERE (d.iss, d.sub, d.jkt) = (t.iss, t.sub, t.jkt) AND d.lost_at IS NULL;
    GET DIAGNOSTICS lost = ROW_COUNT;
    UPDATE tenancy.official o SET state = t.state, version = o.version + 1
    FROM jsonb_to_recordset(taken -> 'officials') AS t (id uuid, state text)
    WHERE o.id = t.id AND o.state <> t.state AND o.state <> 'ended';
    GET DIAGNOSTICS people = ROW_COUNT;
    UPDATE tenancy.duty d SET until_day = t.until
    FROM jsonb_to_recordset(taken -> 'duties') AS t (id uuid, until date)
    WHERE d.id = t.id AND (d.until_day IS NULL OR d.until_day > t.until);
    GET DIAGNOSTICS ended = ROW_COUNT;
    DELETE FROM citizens.deletion d WHERE d.state = 'asked'
      AND NOT EXISTS (SELECT FROM jsonb_to_recordset(taken -> 'deletions') AS t (citizen uuid) WHERE t.citizen = d.citizen_id)
      AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(taken -> 'forgotten') f WHERE f::uuid = d.citizen_id);
    GET DIAGNOSTICS kept = ROW_COUNT;
    INSERT INTO citizens.deletion (citizen_id, asked_at, due_at)
    SELECT t.citizen, t.asked, t.due
    FROM jsonb_to_recordset(taken -> 'deletions') AS t (citizen uuid, asked timestamptz, due timestamptz)
    WHERE EXISTS (SELECT FROM citizens.citizen c WHERE c.id = t.citizen)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS deletions = ROW_COUNT;
    INSERT INTO citizens.deletion AS d (citizen_id, asked_at, due_at)
    SELECT c.id, clock_timestamp(), clock_timestamp()
    FROM jsonb_array_elements_text(taken -> 'forgotten') f JOIN citizens.citizen c ON c.id = f::uuid
    WHERE c.issuer NOT LIKE 'urn:ioc:%'
    ON CONFLICT (citizen_id) DO UPDATE SET due_at = least(d.due_at, excluded.due_at) WHERE d.state = 'asked';
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE media.object m SET state = 'private', version = m.version + 1, released_at = NULL, released_by = NULL
    FROM jsonb_array_elements_text(taken -> 'files') f WHERE m.id = f::uuid AND m.state = 'released';
    GET DIAGNOSTICS files = ROW_COUNT;
    UPDATE releases.text x SET state = 'withdrawn', version = x.version + 1
    FROM jsonb_to_recordset(taken -> 'texts') AS t (report uuid, version int)
    WHERE x.report_id = t.report AND x.state = 'released' AND x.version < t.version;
    GET DIAGNOSTICS texts = ROW_COUNT;
    RETURN jsonb_build_object('keys', keys, 'devices', lost, 'officials', people, 'duties', ended,
        'deletions', deletions, 'forgotten', gone, 'kept', kept, 'files', files, 'texts', texts);
END $$;

-- Every session begun until now is over, at each issuer. The row is swept when none of them can be alive.
CREATE FUNCTION recovery.end_sessions(issuers text[], event text) RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    ended int;
BEGIN
    INSERT INTO identity.session_end (event_id, iss, ended_at, cause)
    SELECT event || ':' || i.iss, i.iss, clock_timestamp(), 'restore' FROM unnest(issuers) AS i (iss)
    ON CONFLICT DO NOTHING;
    UPDATE devices.session SET ended_at = clock_timestamp() WHERE ended_at IS NULL;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END $$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recovery FROM PUBLIC;
