-- Holes that a reading found in what is above: each one first as an attack in security_tests or tests.

-- A recovery's number comes sealed from the directory: what the api wrote down could be anybody's.
DROP FUNCTION citizens.open_recovery(uuid, int, bytea, bytea, bytea, timestamptz, timestamptz);
CREATE FUNCTION citizens.open_recovery(
  new_id uuid, a_unit int, a_digest bytea, a_code_digest bytea, a_now timestamptz, an_expiry timestamptz
) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  INSERT INTO citizens.recovery AS r (id, citizen_id, official_id, unit_id, digest, code_digest, asked_at, expires_at)
  SELECT new_id, (SELECT p.citizen_id FROM citizens.phone p WHERE p.digest = a_digest
      AND NOT EXISTS (SELECT FROM citizens.deletion d WHERE d.citizen_id = p.citizen_id AND d.state <> 'asked')),
    nullif(current_setting('ioc.subject', true), '')::uuid, a_unit, a_digest, a_code_digest, a_now, an_expiry
  RETURNING r.citizen_id IS NOT NULL
$$;

-- A notice about an account stands in somebody's inbox as the city's word. The api tells the principal, and who may
-- lose a number to the principal; everybody else is told by the worker.
REVOKE EXECUTE ON FUNCTION citizens.tell FROM backend_app;
CREATE FUNCTION citizens.tell_oneself(new_id uuid, a_kind text, a_now timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  SELECT citizens.tell(new_id, nullif(current_setting('ioc.citizen', true), '')::uuid, a_kind, a_now)
$$;

-- As in 0017, and whoever has the number is told here: who has it is no business of the caller's.
DROP FUNCTION citizens.bind_phone(bytea, bytea, timestamptz, timestamptz);
CREATE FUNCTION citizens.bind_phone(
  a_digest bytea, a_sealed bytea, a_now timestamptz, a_due timestamptz, a_notice uuid
) RETURNS TABLE (outcome text, due_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  me constant uuid := nullif(current_setting('ioc.citizen', true), '')::uuid;
  has_it uuid;
BEGIN
  IF me IS NULL THEN
    RAISE EXCEPTION 'nobody proves a number' USING ERRCODE = '42501';
  END IF;
  -- Of two who prove one number at once, the second finds it taken.
  PERFORM pg_advisory_xact_lock(hashtextextended(encode(a_digest, 'hex'), 17));
  SELECT p.citizen_id INTO has_it FROM citizens.phone p WHERE p.digest = a_digest;
  -- Whoever waits for another number gives that up.
  DELETE FROM citizens.phone_move m WHERE m.to_citizen = me AND m.digest <> a_digest;
  IF has_it IS NULL OR has_it = me THEN
    DELETE FROM citizens.phone_move m WHERE m.digest = a_digest;
    INSERT INTO citizens.phone AS p (citizen_id, digest, proven_at) VALUES (me, a_digest, a_now)
    ON CONFLICT (citizen_id) DO UPDATE SET digest = excluded.digest, proven_at = excluded.proven_at;
    RETURN QUERY SELECT 'proven', NULL::timestamptz;
    RETURN;
  END IF;
  INSERT INTO citizens.phone_move AS m (digest, to_citizen, sealed, asked_at, due_at)
  VALUES (a_digest, me, a_sealed, a_now, a_due)
  ON CONFLICT (digest) DO UPDATE
    SET to_citizen = excluded.to_citizen, sealed = excluded.sealed, asked_at = excluded.asked_at,
        due_at = excluded.due_at
    WHERE m.to_citizen <> excluded.to_citizen;
  PERFORM citizens.tell(a_notice, has_it, 'account.phone_moving', a_now);
  RETURN QUERY SELECT 'waiting', m.due_at FROM citizens.phone_move m WHERE m.digest = a_digest;
END $$;
REVOKE ALL ON FUNCTION citizens.open_recovery, citizens.tell_oneself, citizens.bind_phone FROM PUBLIC;
GRANT EXECUTE ON FUNCTION citizens.open_recovery, citizens.tell_oneself, citizens.bind_phone TO backend_app;

-- Who leaves takes devices along by citizens.forget, and nobody else makes anybody's devices unknown.
REVOKE EXECUTE ON FUNCTION devices.forget_person FROM backend_app, backend_worker;

-- Places of a report's files: 1–10 are the citizen's, 11–30 the unit's, so that neither side leaves the other no room.
-- The place says whose a file is, also after somebody else has claimed the report.
ALTER TABLE media.object DROP CONSTRAINT object_position_check;
UPDATE media.object m SET position = m.position + 10
WHERE m.position IS NOT NULL AND EXISTS (SELECT FROM tenancy.official o WHERE o.id = m.uploader_id);
ALTER TABLE media.object ADD CONSTRAINT object_position_check CHECK (position BETWEEN 1 AND 30);
ALTER TABLE media.object ADD CONSTRAINT object_redacts_check CHECK (redacts IS NULL OR position IS NULL OR position > 10);
CREATE POLICY own_side ON media.object AS RESTRICTIVE FOR INSERT TO backend_app, backend_city WITH CHECK (
  (position <= 10) = ((SELECT nullif(current_setting('ioc.citizen', true), '')) IS NOT NULL));

CREATE OR REPLACE FUNCTION media.has_evidence(a_report uuid, since timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT EXISTS (SELECT 1 FROM media.object m WHERE m.report_id = a_report AND m.position > 10
    -- A rendition shows what the citizen photographed, not what was done.
    AND m.redacts IS NULL AND m.created_at >= since)
$$;
-- As in 0021, in the order of coming: places no longer tell it.
CREATE OR REPLACE FUNCTION media.released_of(a_code text)
RETURNS TABLE (id uuid, kind text, content text, width int, height int, octets int, created_at timestamptz,
               version int)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT m.id, m.kind, m.content, m.width, m.height, m.octets, m.created_at, m.version
  FROM reports.report r JOIN media.object m ON m.report_id = r.id
  WHERE r.code = a_code AND m.state = 'released' ORDER BY m.created_at, m.id LIMIT 30
$$;

-- Numbers that accounts have left, for as long as a backup may bring back the moment before (35 days, and more). An
-- account that has its number again is no such. Nobody reads it but who restores.
CREATE TABLE citizens.phone_left (
  citizen_id uuid NOT NULL REFERENCES citizens.citizen ON DELETE RESTRICT,
  digest bytea NOT NULL CHECK (octet_length(digest) = 32),
  left_at timestamptz NOT NULL,
  PRIMARY KEY (citizen_id, digest)
);
CREATE INDEX phone_left_age ON citizens.phone_left (left_at);
ALTER TABLE citizens.phone_left ENABLE ROW LEVEL SECURITY;
ALTER TABLE citizens.phone_left FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON citizens.phone_left TO backend_owner USING (true) WITH CHECK (true);

CREATE FUNCTION citizens.note_left_phone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO citizens.phone_left AS l (citizen_id, digest, left_at)
    VALUES (OLD.citizen_id, OLD.digest, clock_timestamp())
    ON CONFLICT (citizen_id, digest) DO UPDATE SET left_at = excluded.left_at;
    DELETE FROM citizens.phone_left l WHERE l.left_at < clock_timestamp() - interval '60 days';
  END IF;
  IF TG_OP <> 'DELETE' THEN
    DELETE FROM citizens.phone_left l WHERE l.citizen_id = NEW.citizen_id AND l.digest = NEW.digest;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER left_phone AFTER INSERT OR UPDATE OF digest OR DELETE ON citizens.phone
  FOR EACH ROW EXECUTE FUNCTION citizens.note_left_phone();
-- Who is forgotten leaves nothing: the digest would lead from the reports to the person.
CREATE FUNCTION citizens.forget_left_phones() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  DELETE FROM citizens.phone_left l WHERE l.citizen_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER left_phones AFTER UPDATE OF issuer ON citizens.citizen
  FOR EACH ROW WHEN (NEW.issuer = 'urn:ioc:deleted') EXECUTE FUNCTION citizens.forget_left_phones();
REVOKE ALL ON FUNCTION citizens.note_left_phone, citizens.forget_left_phones FROM PUBLIC;

-- As recovery.taken and take_again, of numbers: which accounts have left which, and which moves still wait.
CREATE FUNCTION recovery.numbers() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object(
    'left', (SELECT coalesce(jsonb_agg(jsonb_build_object('citizen', l.citizen_id, 'digest', encode(l.digest, 'hex'))), '[]')
             FROM citizens.phone_left l),
    'moves', (SELECT coalesce(jsonb_agg(encode(m.digest, 'hex')), '[]') FROM citizens.phone_move m))
$$;
-- In a database of before: a number that an account has left since is nobody's, until it is proven once more; a move
-- that was given up or carried out since is none. How many numbers.
CREATE FUNCTION recovery.take_numbers_again(numbers jsonb) RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  taken int;
BEGIN
  DELETE FROM citizens.phone p
  USING jsonb_to_recordset(numbers -> 'left') AS t (citizen uuid, digest text)
  WHERE p.citizen_id = t.citizen AND p.digest = decode(t.digest, 'hex');
  GET DIAGNOSTICS taken = ROW_COUNT;
  DELETE FROM citizens.phone_move m WHERE NOT EXISTS (
    SELECT FROM jsonb_array_elements_text(numbers -> 'moves') w WHERE decode(w, 'hex') = m.digest);
  RETURN taken;
END $$;
REVOKE ALL ON FUNCTION recovery.numbers, recovery.take_numbers_again FROM PUBLIC;
