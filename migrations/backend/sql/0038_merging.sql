-- Merging near duplicates (gộp phản ánh trùng): a merged report stands still and points to the one that is worked on.
-- Nothing else is kept: where it stood before, and why, its timeline says.
ALTER TABLE reports.report ADD COLUMN merged_into uuid REFERENCES reports.report ON DELETE RESTRICT;
ALTER TABLE reports.report DROP CONSTRAINT report_state_check;
ALTER TABLE reports.report ADD CONSTRAINT report_state_check
  CHECK (state IN ('received', 'in_progress', 'awaiting_citizen', 'answered', 'closed', 'merged'));
ALTER TABLE reports.report ADD CONSTRAINT report_merged_check
  CHECK ((state = 'merged') = (merged_into IS NOT NULL) AND merged_into <> id);
CREATE INDEX report_merged_into ON reports.report (merged_into) WHERE merged_into IS NOT NULL;
-- Whoever submits gives none: a new report is received, and so is merged into nothing.
GRANT INSERT (merged_into) ON reports.report TO backend_app;
GRANT UPDATE (merged_into) ON reports.report TO backend_app, backend_city;
-- A job tells those of the merged reports what becomes of the one.
GRANT SELECT (merged_into) ON reports.report TO backend_worker;
-- What is one thing is counted once.
GRANT SELECT (merged_into) ON reports.report TO backend_publisher;

ALTER TABLE reports.timeline DROP CONSTRAINT timeline_kind_check;
ALTER TABLE reports.timeline ADD CONSTRAINT timeline_kind_check CHECK (kind IN
  ('submitted', 'accepted', 'forwarded', 'asked', 'replied', 'answered', 'closed', 'claimed', 'added', 'withdrawn',
   'rated', 'reopened', 'merged', 'unmerged'));
-- Only who handles a report merges it and takes it apart, whatever the service forgets.
CREATE POLICY merged_by_handler ON reports.timeline AS RESTRICTIVE FOR INSERT TO backend_app, backend_city
  WITH CHECK (kind NOT IN ('merged', 'unmerged') OR EXISTS (SELECT 1 FROM reports.report r WHERE r.id = report_id
    AND r.handler_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])));

-- One level, no circle, and a merged report stands still; two who merge two reports into each other wait here.
CREATE FUNCTION reports.keep_merged() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.merged_into IS NOT DISTINCT FROM OLD.merged_into THEN
    IF (NEW.answer, NEW.closing_reason, NEW.legal_reason, NEW.closed_at, NEW.reopened_at)
        IS DISTINCT FROM (OLD.answer, OLD.closing_reason, OLD.legal_reason, OLD.closed_at, OLD.reopened_at) THEN
      RAISE EXCEPTION 'a merged report stands still' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.merged_into IS NOT NULL AND NEW.merged_into IS NOT NULL THEN
    RAISE EXCEPTION 'merged already' USING ERRCODE = '23514';
  END IF;
  IF NEW.merged_into IS NOT NULL THEN
    PERFORM 1 FROM reports.report r
    WHERE r.id = NEW.merged_into AND r.state NOT IN ('closed', 'merged') FOR UPDATE;
    IF NOT FOUND OR EXISTS (SELECT FROM reports.report r WHERE r.merged_into = NEW.id) THEN
      RAISE EXCEPTION 'merged into an open report alone, and none that others were merged into' USING ERRCODE = '23514';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER report_keep_merged BEFORE UPDATE ON reports.report FOR EACH ROW
  WHEN (OLD.merged_into IS NOT NULL OR NEW.merged_into IS NOT NULL) EXECUTE FUNCTION reports.keep_merged();
CREATE TRIGGER report_made_merged BEFORE INSERT ON reports.report FOR EACH ROW
  WHEN (NEW.merged_into IS NOT NULL) EXECUTE FUNCTION reports.keep_merged();

-- What anybody may know of the report that others were merged into (its public page), for who sees one of them.
CREATE FUNCTION reports.main_facts(main uuid) RETURNS text
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = '' AS $$
  SELECT jsonb_build_object('code', r.code, 'state', r.state, 'closing_reason', r.closing_reason,
    'closed_at', r.closed_at)::text
  FROM reports.report r WHERE r.id = main
$$;
-- How many reports were merged into one, also those that the asker does not see.
CREATE FUNCTION reports.merged_count(main uuid) RETURNS int
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = '' AS $$
  SELECT count(*)::int FROM reports.report r WHERE r.merged_into = main
$$;
REVOKE ALL ON FUNCTION reports.keep_merged, reports.main_facts, reports.merged_count FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reports.main_facts, reports.merged_count TO backend_app, backend_city;

CREATE OR REPLACE VIEW reports.public_report WITH (security_barrier = true) AS
  SELECT r.code, r.category, w.code AS ward_code, w.name AS ward_name, h.code AS handler_code,
         h.name AS handler_name, r.state, r.closing_reason, r.created_at, r.updated_at,
         (SELECT m.code FROM reports.report m WHERE m.id = r.merged_into) AS merged_into
  FROM reports.report r
  JOIN tenancy.unit w ON w.id = r.ward_id JOIN tenancy.unit h ON h.id = r.handler_id;

-- A merged report owes nothing: its running clocks are taken away, and made anew when it is worked on again.
GRANT DELETE ON deadlines.clock TO backend_worker;
CREATE POLICY stopped_stay ON deadlines.clock AS RESTRICTIVE FOR DELETE TO backend_worker USING (stopped_at IS NULL);

-- Whoever looks for the same thing finds the report that is worked on, once.
CREATE OR REPLACE FUNCTION duplicates.near(a_category text, cells bigint[])
RETURNS TABLE (code text, ward_code text, ward_name text, state text, body text, created_at timestamptz,
               following boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.code, w.code, w.name, r.state, t.body, r.created_at, EXISTS (SELECT FROM duplicates.follower f
    WHERE f.report_id = r.id AND f.citizen_id = me.id)
  FROM (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid AS id) me
  JOIN reports.report r ON r.category = a_category AND r.h3_cell = ANY (cells) AND r.state <> 'closed'
    AND r.merged_into IS NULL
  JOIN releases.text t ON t.report_id = r.id AND t.state = 'released'
  JOIN tenancy.unit w ON w.id = r.ward_id
  WHERE me.id IS NOT NULL AND r.citizen_id IS DISTINCT FROM me.id
  ORDER BY r.created_at DESC, r.id DESC LIMIT 20
$$;
CREATE OR REPLACE FUNCTION duplicates.followable(a_code text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.id FROM reports.report r JOIN releases.text t ON t.report_id = r.id AND t.state = 'released'
  WHERE r.code = a_code AND r.state <> 'closed' AND r.merged_into IS NULL
    AND r.citizen_id IS DISTINCT FROM nullif(current_setting('ioc.citizen', true), '')::uuid
$$;
