-- Citizens who follow a report of somebody else's instead of sending the same again.
CREATE SCHEMA duplicates;

CREATE TABLE duplicates.follower (
  report_id uuid NOT NULL REFERENCES reports.report ON DELETE RESTRICT,
  citizen_id uuid NOT NULL REFERENCES citizens.citizen ON DELETE RESTRICT,
  followed_at timestamptz NOT NULL,
  PRIMARY KEY (report_id, citizen_id)
);
CREATE INDEX follower_citizen ON duplicates.follower (citizen_id);

ALTER TABLE duplicates.follower ENABLE ROW LEVEL SECURITY;
ALTER TABLE duplicates.follower FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON duplicates.follower TO backend_owner USING (true) WITH CHECK (true);
-- Who follows what is the citizen's own matter: neither officers nor the report's citizen see it.
CREATE POLICY own ON duplicates.follower TO backend_app
  USING (citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid))
  WITH CHECK (citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid));
CREATE POLICY worker_read ON duplicates.follower FOR SELECT TO backend_worker USING (true);

CREATE INDEX report_near ON reports.report (category, h3_cell, created_at DESC)
  WHERE h3_cell IS NOT NULL AND state <> 'closed';

-- Open reports of others whose text an officer released. What their public pages show, no place and no id.
CREATE FUNCTION duplicates.near(a_category text, cells bigint[])
RETURNS TABLE (code text, ward_code text, ward_name text, state text, body text, created_at timestamptz,
               following boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.code, w.code, w.name, r.state, t.body, r.created_at, EXISTS (SELECT FROM duplicates.follower f
    WHERE f.report_id = r.id AND f.citizen_id = me.id)
  FROM (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid AS id) me
  JOIN reports.report r ON r.category = a_category AND r.h3_cell = ANY (cells) AND r.state <> 'closed'
  JOIN releases.text t ON t.report_id = r.id AND t.state = 'released'
  JOIN tenancy.unit w ON w.id = r.ward_id
  WHERE me.id IS NOT NULL AND r.citizen_id IS DISTINCT FROM me.id
  ORDER BY r.created_at DESC, r.id DESC LIMIT 20
$$;
-- What of a code can be followed: as `near`, wherever it is. An own one is not, and answers as an absent one.
CREATE FUNCTION duplicates.followable(a_code text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.id FROM reports.report r JOIN releases.text t ON t.report_id = r.id AND t.state = 'released'
  WHERE r.code = a_code AND r.state <> 'closed'
    AND r.citizen_id IS DISTINCT FROM nullif(current_setting('ioc.citizen', true), '')::uuid
$$;
-- Unfollowing is of what is followed, open or not.
CREATE FUNCTION duplicates.unfollow(a_code text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  WITH gone AS (DELETE FROM duplicates.follower f USING reports.report r
    WHERE r.code = a_code AND f.report_id = r.id
      AND f.citizen_id = nullif(current_setting('ioc.citizen', true), '')::uuid RETURNING 1)
  SELECT EXISTS (SELECT FROM gone)
$$;
REVOKE ALL ON FUNCTION duplicates.near, duplicates.followable, duplicates.unfollow FROM PUBLIC;
GRANT USAGE ON SCHEMA duplicates TO backend_app, backend_worker;
GRANT EXECUTE ON FUNCTION duplicates.near, duplicates.followable, duplicates.unfollow TO backend_app;
GRANT SELECT, INSERT ON duplicates.follower TO backend_app;
GRANT SELECT (report_id, citizen_id) ON duplicates.follower TO backend_worker;

-- Who leaves follows nothing any more.
CREATE FUNCTION duplicates.forget() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  DELETE FROM duplicates.follower f WHERE f.citizen_id = NEW.id;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION duplicates.forget FROM PUBLIC;
CREATE TRIGGER citizen_left AFTER UPDATE OF issuer ON citizens.citizen
  FOR EACH ROW WHEN (NEW.issuer = 'urn:ioc:deleted') EXECUTE FUNCTION duplicates.forget();
