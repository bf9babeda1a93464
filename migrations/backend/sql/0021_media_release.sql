-- Release of files: by whom and when, and taken back the same way.
ALTER TABLE media.object
  ADD COLUMN version int NOT NULL DEFAULT 1 CHECK (version > 0),
  ADD COLUMN released_at timestamptz,
  ADD COLUMN released_by uuid,
  ADD CHECK ((released_at IS NULL) = (released_by IS NULL)),
  ADD CHECK (state <> 'released' OR released_at IS NOT NULL);

-- The handling unit's alone; the policies say which of its people. What is lost stays lost.
CREATE POLICY media_release ON media.object FOR UPDATE TO backend_app
  USING (state <> 'lost' AND EXISTS (SELECT 1 FROM reports.report r WHERE r.id = report_id
    AND r.handler_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])))
  WITH CHECK (state <> 'lost' AND (state = 'private'
    OR released_by = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)));
-- City rank takes back and never releases.
CREATE POLICY city_withdraw ON media.object FOR UPDATE TO backend_city
  USING (state <> 'lost' AND (SELECT nullif(current_setting('ioc.subject', true), '')) IS NOT NULL)
  WITH CHECK (state = 'private');
GRANT UPDATE (state, version, released_at, released_by) ON media.object TO backend_app, backend_city;

-- What an officer released of a report, for anybody who has its code: no more than what its page shows.
CREATE FUNCTION media.released_of(a_code text)
RETURNS TABLE (id uuid, kind text, content text, width int, height int, octets int, created_at timestamptz,
               version int)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT m.id, m.kind, m.content, m.width, m.height, m.octets, m.created_at, m.version
  FROM reports.report r JOIN media.object m ON m.report_id = r.id
  WHERE r.code = a_code AND m.state = 'released' ORDER BY m.position
$$;
REVOKE ALL ON FUNCTION media.released_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION media.released_of TO backend_app, backend_city;
