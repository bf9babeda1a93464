-- Citizens' accounts (tài khoản công dân). A phone number is never here as it is: `digest` is an HMAC under a key
-- outside the database, `sealed` is AES-256-GCM for the processes that send (docs/decisions/0026-phone-numbers.md).

-- One number, one account.
CREATE TABLE citizens.phone (
  citizen_id uuid PRIMARY KEY REFERENCES citizens.citizen ON DELETE RESTRICT,
  digest bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
  proven_at timestamptz NOT NULL
);
-- A code that was sent and not yet entered: one a person.
CREATE TABLE citizens.phone_proof (
  citizen_id uuid PRIMARY KEY REFERENCES citizens.citizen ON DELETE RESTRICT,
  digest bytea NOT NULL CHECK (octet_length(digest) = 32),
  code_digest bytea NOT NULL CHECK (octet_length(code_digest) = 32),
  sealed bytea NOT NULL,
  attempts smallint NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND 5),
  expires_at timestamptz NOT NULL
);
-- A number that somebody else has proven: its account loses it when the notice is over. Who proves it again keeps it.
CREATE TABLE citizens.phone_move (
  digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
  to_citizen uuid NOT NULL UNIQUE REFERENCES citizens.citizen ON DELETE RESTRICT,
  sealed bytea NOT NULL,
  asked_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL
);
CREATE INDEX phone_move_due ON citizens.phone_move (due_at);

-- What is to be sent by SMS: number and text sealed together, emptied once it was sent or is too old.
CREATE TABLE citizens.message (
  id uuid PRIMARY KEY,
  template text NOT NULL CHECK (template ~ '^[a-z][a-z_]{1,39}$'),
  sealed bytea,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  sent_at timestamptz
);
CREATE INDEX message_waiting ON citizens.message (expires_at) WHERE sealed IS NOT NULL;
CREATE INDEX message_age ON citizens.message (created_at);

-- Recovery in person. A number that nobody has makes the same row, without a citizen.
CREATE TABLE citizens.recovery (
  id uuid PRIMARY KEY,
  citizen_id uuid REFERENCES citizens.citizen ON DELETE RESTRICT,
  official_id uuid NOT NULL,
  unit_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  digest bytea NOT NULL CHECK (octet_length(digest) = 32),
  code_digest bytea NOT NULL CHECK (octet_length(code_digest) = 32),
  -- The number; once Keycloak has a new password (`handed_over`), the desk's half of it.
  sealed bytea,
  handed_over boolean NOT NULL DEFAULT false,
  attempts smallint NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND 5),
  state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'proven')),
  asked_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  request uuid
);
CREATE INDEX recovery_age ON citizens.recovery (asked_at);
CREATE INDEX recovery_request ON citizens.recovery (request) WHERE request IS NOT NULL;

-- Somebody asked for the account's deletion. asked: may be taken back. deleting: Keycloak is being told.
-- deleted: Keycloak has forgotten; what is here follows when no token can be alive.
CREATE TABLE citizens.deletion (
  citizen_id uuid PRIMARY KEY REFERENCES citizens.citizen ON DELETE RESTRICT,
  state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'deleting', 'deleted')),
  asked_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  request uuid,
  deleted_at timestamptz,
  CHECK ((state = 'deleted') = (deleted_at IS NOT NULL))
);
CREATE INDEX deletion_due ON citizens.deletion (state, due_at);
CREATE INDEX deletion_request ON citizens.deletion (request) WHERE request IS NOT NULL;

-- Reports that came by a channel from somebody whose number alone is known. Such a report belongs to a citizen
-- without a name (issuer urn:ioc:unclaimed) until the number's owner claims it.
CREATE TABLE citizens.unclaimed (
  code text COLLATE "C" PRIMARY KEY,
  report_id uuid NOT NULL UNIQUE REFERENCES reports.report ON DELETE RESTRICT,
  phone_digest bytea NOT NULL CHECK (octet_length(phone_digest) = 32),
  noted_at timestamptz NOT NULL
);

DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['phone', 'phone_proof', 'phone_move', 'message', 'recovery', 'deletion', 'unclaimed']
  LOOP
    EXECUTE format('ALTER TABLE citizens.%I ENABLE ROW LEVEL SECURITY', wanted);
    EXECUTE format('ALTER TABLE citizens.%I FORCE ROW LEVEL SECURITY', wanted);
    EXECUTE format('CREATE POLICY owner_all ON citizens.%I TO backend_owner USING (true) WITH CHECK (true)', wanted);
  END LOOP;
END $$;

CREATE POLICY own ON citizens.phone FOR SELECT TO backend_app
  USING (citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid));
CREATE POLICY own ON citizens.phone_move FOR SELECT TO backend_app
  USING (to_citizen = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid));
CREATE POLICY own ON citizens.phone_proof TO backend_app
  USING (citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid))
  WITH CHECK (citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid));
CREATE POLICY add ON citizens.message FOR INSERT TO backend_app WITH CHECK (
  sent_at IS NULL AND (SELECT nullif(current_setting('ioc.subject', true), '')) IS NOT NULL);
CREATE POLICY send ON citizens.message TO backend_worker USING (true) WITH CHECK (true);
CREATE POLICY own_read ON citizens.deletion FOR SELECT TO backend_app
  USING (citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid));
CREATE POLICY own_ask ON citizens.deletion FOR INSERT TO backend_app WITH CHECK (
  citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid) AND state = 'asked');
-- Only while nothing was done yet: afterwards there is nobody whose it could be.
CREATE POLICY own_take_back ON citizens.deletion FOR DELETE TO backend_app USING (
  citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid) AND state = 'asked');
-- The officer who asked, and nobody else at the ward.
CREATE POLICY own ON citizens.recovery TO backend_app
  USING (official_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid))
  WITH CHECK (official_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));
CREATE POLICY upkeep ON citizens.deletion TO backend_worker USING (true) WITH CHECK (true);
CREATE POLICY upkeep ON citizens.phone_move FOR SELECT TO backend_worker USING (true);
CREATE POLICY upkeep ON citizens.recovery TO backend_worker USING (true) WITH CHECK (true);

-- Who a verified (iss, sub) is here, with the number that is bound to the account and what becomes of it.
-- A citizen is known from the first verified sign-in on; `new_id` is used only then.
CREATE FUNCTION citizens.account_of(an_issuer text, a_subject text, new_id uuid)
RETURNS TABLE (citizen_id uuid, phone_digest bytea, deletion text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  found_id uuid := citizens.resolve(an_issuer, a_subject, new_id);
BEGIN
  RETURN QUERY SELECT found_id, p.digest, d.state
  FROM (SELECT 1) one LEFT JOIN citizens.phone p ON p.citizen_id = found_id
  LEFT JOIN citizens.deletion d ON d.citizen_id = found_id;
END $$;

-- Whether another account has the number: decides what the message says, never what the caller is told.
CREATE FUNCTION citizens.is_taken(a_digest bytea) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM citizens.phone p WHERE p.digest = a_digest
    AND p.citizen_id IS DISTINCT FROM nullif(current_setting('ioc.citizen', true), '')::uuid)
$$;

-- The principal has proven the number. Nobody's: it is theirs now. Theirs: it stays, whoever else proved it
-- meanwhile. Another's: that account gets notice, and the number moves when it is over.
CREATE FUNCTION citizens.bind_phone(a_digest bytea, a_sealed bytea, a_now timestamptz, a_due timestamptz)
RETURNS TABLE (outcome text, holder uuid, due_at timestamptz)
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
    RETURN QUERY SELECT 'proven', NULL::uuid, NULL::timestamptz;
    RETURN;
  END IF;
  INSERT INTO citizens.phone_move AS m (digest, to_citizen, sealed, asked_at, due_at)
  VALUES (a_digest, me, a_sealed, a_now, a_due)
  ON CONFLICT (digest) DO UPDATE
    SET to_citizen = excluded.to_citizen, sealed = excluded.sealed, asked_at = excluded.asked_at,
        due_at = excluded.due_at
    WHERE m.to_citizen <> excluded.to_citizen;
  RETURN QUERY SELECT 'waiting', has_it, m.due_at FROM citizens.phone_move m WHERE m.digest = a_digest;
END $$;

-- The notice is over: the number moves. Who lost it, so that they are told; nothing when it was kept meanwhile.
CREATE FUNCTION citizens.move_phone(a_digest bytea, a_now timestamptz)
RETURNS TABLE (from_citizen uuid, to_citizen uuid, sealed bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  moving citizens.phone_move;
  had_it uuid;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(encode(a_digest, 'hex'), 17));
  DELETE FROM citizens.phone_move m WHERE m.digest = a_digest AND m.due_at <= a_now RETURNING m.* INTO moving;
  IF moving.to_citizen IS NULL THEN
    RETURN;
  END IF;
  DELETE FROM citizens.phone p WHERE p.digest = a_digest RETURNING p.citizen_id INTO had_it;
  INSERT INTO citizens.phone AS p (citizen_id, digest, proven_at) VALUES (moving.to_citizen, a_digest, a_now)
  ON CONFLICT (citizen_id) DO UPDATE SET digest = excluded.digest, proven_at = excluded.proven_at;
  RETURN QUERY SELECT had_it, moving.to_citizen, moving.sealed;
END $$;

-- An officer asks for a recovery: whose number it is stays in the row, and the officer does not learn it.
CREATE FUNCTION citizens.open_recovery(
  new_id uuid, a_unit int, a_digest bytea, a_code_digest bytea, a_sealed bytea, a_now timestamptz,
  an_expiry timestamptz
) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  INSERT INTO citizens.recovery AS r (id, citizen_id, official_id, unit_id, digest, code_digest, sealed, asked_at,
    expires_at)
  SELECT new_id, (SELECT p.citizen_id FROM citizens.phone p WHERE p.digest = a_digest
      AND NOT EXISTS (SELECT FROM citizens.deletion d WHERE d.citizen_id = p.citizen_id AND d.state <> 'asked')),
    nullif(current_setting('ioc.subject', true), '')::uuid, a_unit, a_digest, a_code_digest, a_sealed, a_now,
    an_expiry
  RETURNING r.citizen_id IS NOT NULL
$$;

-- For the directory: who may end a proven recovery (the officer who opened it, who handles reports of that ward on
-- that day), and whom it is for, which the officer never learns.
CREATE FUNCTION citizens.recovery_of(an_id uuid, a_day date)
RETURNS TABLE (officer_issuer text, officer_subject text, handles boolean, issuer text, subject text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT o.issuer, o.subject,
    o.state = 'active' AND EXISTS (SELECT FROM tenancy.duty d WHERE d.official_id = o.id
      AND d.unit_id = r.unit_id AND d.kind = 'handler' AND d.from_day <= a_day
      AND (d.until_day IS NULL OR d.until_day >= a_day)),
    c.issuer, c.subject
  FROM citizens.recovery r JOIN tenancy.official o ON o.id = r.official_id
  LEFT JOIN citizens.citizen c ON c.id = r.citizen_id
  WHERE r.id = an_id AND r.state = 'proven'
$$;

-- A citizen without a name, to whom a channel's report belongs until it is claimed.
CREATE FUNCTION citizens.nameless(new_id uuid) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  INSERT INTO citizens.citizen (id, issuer, subject) VALUES (new_id, 'urn:ioc:unclaimed', new_id::text) RETURNING id
$$;
-- Only what belongs to nobody waits for an owner: nobody can make somebody's report claimable by another.
CREATE FUNCTION citizens.note_unclaimed(a_report uuid, a_digest bytea, a_now timestamptz) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  INSERT INTO citizens.unclaimed (code, report_id, phone_digest, noted_at)
  SELECT r.code, r.id, a_digest, a_now FROM reports.report r JOIN citizens.citizen c ON c.id = r.citizen_id
  WHERE r.id = a_report AND c.issuer = 'urn:ioc:unclaimed'
  ON CONFLICT DO NOTHING RETURNING true
$$;

ALTER TABLE reports.timeline DROP CONSTRAINT timeline_kind_check;
ALTER TABLE reports.timeline ADD CONSTRAINT timeline_kind_check CHECK (kind IN
  ('submitted', 'accepted', 'forwarded', 'asked', 'replied', 'answered', 'closed', 'claimed'));

-- The principal claims a report by its code. Wrong code, another's number, claimed before: no row, by the same miss
-- in the same index. The number is the one bound to the account, never one that is named.
CREATE FUNCTION citizens.claim_report(a_code text, entry_id uuid, change_id uuid, a_now timestamptz)
RETURNS TABLE (version int, state text, unit_code text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  me constant uuid := nullif(current_setting('ioc.citizen', true), '')::uuid;
  waiting uuid;
  nobody uuid;
  claimed reports.report;
BEGIN
  DELETE FROM citizens.unclaimed u
  USING citizens.phone p
  WHERE u.code = a_code AND p.citizen_id = me AND u.phone_digest = p.digest
  RETURNING u.report_id INTO waiting;
  IF waiting IS NULL THEN
    RETURN;
  END IF;
  SELECT r.citizen_id INTO nobody FROM reports.report r WHERE r.id = waiting FOR UPDATE;
  UPDATE reports.report r SET citizen_id = me, version = r.version + 1, updated_at = a_now
  WHERE r.id = waiting RETURNING r.* INTO claimed;
  DELETE FROM reports.report_by_reader k WHERE k.reader = nobody;
  INSERT INTO reports.report_by_reader (reader, code, report_id) VALUES (me, claimed.code, claimed.id)
  ON CONFLICT (reader, code) DO NOTHING;
  INSERT INTO reports.timeline (id, report_id, version, at, kind, from_state, to_state, from_unit_id, to_unit_id,
    actor_kind, actor_id)
  VALUES (entry_id, claimed.id, claimed.version, a_now, 'claimed', claimed.state, claimed.state, claimed.handler_id,
    claimed.handler_id, 'citizen', me);
  INSERT INTO changes.change (id, kind, resource, version, at, units, citizen_id)
  VALUES (change_id, 'report.claimed', 'report:' || claimed.code, claimed.version, a_now, claimed.visible_units, me);
  -- What happened to it before is news to its owner.
  UPDATE notifications.inbox i SET recipient = me WHERE i.recipient = nobody;
  DELETE FROM notifications.delivery d WHERE d.recipient = nobody;
  DELETE FROM citizens.citizen c WHERE c.id = nobody AND c.issuer = 'urn:ioc:unclaimed'
    AND NOT EXISTS (SELECT FROM reports.report r WHERE r.citizen_id = nobody);
  RETURN QUERY SELECT claimed.version, claimed.state, u.code FROM tenancy.unit u WHERE u.id = claimed.handler_id;
END $$;

-- A notice about the account itself: to oneself, to who may lose a number, or by a job.
CREATE FUNCTION citizens.tell(new_id uuid, whom uuid, a_kind text, a_now timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  INSERT INTO notifications.inbox (id, recipient, change_id, kind, resource, version, at)
  SELECT new_id, c.id, new_id, a_kind, 'account:' || c.id, 0, a_now FROM citizens.citizen c
  WHERE c.id = whom AND starts_with(a_kind, 'account.')
$$;

-- The person is gone at Keycloak: the account loses its name, and everything that led to them here. Reports stay:
-- they are the city's papers, and without the person they are no personal data (Law 91/2025/QH15, Art. 4.1: deletion
-- of personal data; Decision 6372: the city answers every report). Keys of pseudonyms go too: what the log holds
-- can no longer be tied to anybody.
CREATE FUNCTION citizens.forget(a_citizen uuid, new_subject uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  who citizens.citizen;
BEGIN
  DELETE FROM citizens.deletion d WHERE d.citizen_id = a_citizen AND d.state = 'deleted';
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  SELECT c.* INTO STRICT who FROM citizens.citizen c WHERE c.id = a_citizen FOR UPDATE;
  DELETE FROM citizens.phone p WHERE p.citizen_id = a_citizen;
  DELETE FROM citizens.phone_proof p WHERE p.citizen_id = a_citizen;
  DELETE FROM citizens.phone_move m WHERE m.to_citizen = a_citizen;
  DELETE FROM citizens.recovery r WHERE r.citizen_id = a_citizen;
  PERFORM devices.forget_person(a_citizen);
  PERFORM notifications.forget_person(a_citizen);
  DELETE FROM statistics.waiting w WHERE w.reporter = a_citizen;
  DELETE FROM notifications.delivery d WHERE d.recipient = a_citizen;
  DELETE FROM platform.idempotency i WHERE i.subject = a_citizen;
  DELETE FROM audit.pseudonym_key k WHERE k.iss = who.issuer AND k.sub = who.subject;
  UPDATE citizens.citizen c SET issuer = 'urn:ioc:deleted', subject = new_subject::text WHERE c.id = a_citizen;
  RETURN true;
END $$;

-- What has become too old: codes after their minutes, sent and unsent messages, recoveries after a day.
CREATE FUNCTION citizens.sweep(a_now timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  WITH proofs AS (DELETE FROM citizens.phone_proof p WHERE p.expires_at < a_now RETURNING 1),
       emptied AS (UPDATE citizens.message m SET sealed = NULL
                   WHERE m.sealed IS NOT NULL AND m.expires_at < a_now RETURNING 1),
       messages AS (DELETE FROM citizens.message m WHERE m.created_at < a_now - interval '30 days'
                    AND m.sealed IS NULL RETURNING 1),
       recoveries AS (DELETE FROM citizens.recovery r WHERE r.asked_at < a_now - interval '1 day' RETURNING 1)
  SELECT (SELECT count(*) FROM proofs) + (SELECT count(*) FROM emptied) + (SELECT count(*) FROM messages)
    + (SELECT count(*) FROM recoveries)
$$;

REVOKE ALL ON FUNCTION citizens.account_of, citizens.recovery_of, citizens.is_taken, citizens.bind_phone, citizens.move_phone,
  citizens.open_recovery, citizens.nameless, citizens.note_unclaimed, citizens.claim_report, citizens.tell,
  citizens.forget, citizens.sweep FROM PUBLIC;
GRANT EXECUTE ON FUNCTION citizens.account_of, citizens.is_taken, citizens.bind_phone, citizens.open_recovery,
  citizens.nameless, citizens.note_unclaimed, citizens.claim_report, citizens.tell TO backend_app;
GRANT EXECUTE ON FUNCTION citizens.recovery_of TO backend_directory;
GRANT EXECUTE ON FUNCTION citizens.move_phone, citizens.tell, citizens.forget, citizens.sweep TO backend_worker;

GRANT USAGE ON SCHEMA citizens TO backend_worker, backend_directory;
GRANT SELECT ON citizens.phone, citizens.phone_move TO backend_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON citizens.phone_proof TO backend_app;
GRANT INSERT (id, template, sealed, created_at, expires_at) ON citizens.message TO backend_app, backend_worker;
GRANT SELECT, UPDATE (sealed, sent_at) ON citizens.message TO backend_worker;
GRANT SELECT, INSERT (citizen_id, asked_at, due_at), DELETE ON citizens.deletion TO backend_app;
GRANT SELECT, UPDATE (state, request, deleted_at) ON citizens.deletion TO backend_worker;
GRANT SELECT, UPDATE (attempts, state, request) ON citizens.recovery TO backend_app;
GRANT SELECT, UPDATE (sealed, handed_over) ON citizens.recovery TO backend_worker;
GRANT SELECT (digest, due_at) ON citizens.phone_move TO backend_worker;
