-- Media (tệp đính kèm): what is known of a file; its octets lie in the object store under its id.
CREATE SCHEMA media;
CREATE TABLE media.object (
  id uuid PRIMARY KEY,
  report_id uuid NOT NULL REFERENCES reports.report ON DELETE RESTRICT,
  -- At most ten a report, whoever forgets to count: the place is free again only when the object is lost.
  position smallint CHECK (position BETWEEN 1 AND 10),
  uploader_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('photo', 'document')),
  state text NOT NULL CHECK (state IN ('private', 'released', 'lost')),
  content text NOT NULL CHECK (content IN ('image/jpeg', 'application/pdf',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet')),
  width int CHECK (width BETWEEN 1 AND 4096),
  height int CHECK (height BETWEEN 1 AND 4096),
  octets int NOT NULL CHECK (octets BETWEEN 1 AND 20971520),
  created_at timestamptz NOT NULL,
  UNIQUE (report_id, position),
  CHECK ((kind = 'photo') = (content = 'image/jpeg')),
  CHECK ((kind = 'photo') = (width IS NOT NULL AND height IS NOT NULL)),
  CHECK ((state = 'lost') = (position IS NULL))
);
-- The sweep goes through shares of all ids: their last octet is random.
CREATE INDEX object_shard ON media.object (get_byte(uuid_send(id), 15)) WHERE state <> 'lost';

ALTER TABLE media.object ENABLE ROW LEVEL SECURITY;
ALTER TABLE media.object FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON media.object TO backend_owner USING (true) WITH CHECK (true);
-- The report's own policy decides; what an officer released, anybody may see.
CREATE POLICY media_read ON media.object FOR SELECT TO backend_app, backend_city
  USING (EXISTS (SELECT 1 FROM reports.report r WHERE r.id = report_id));
CREATE POLICY released_read ON media.object FOR SELECT TO backend_app, backend_city
  USING (state = 'released');
-- Nobody uploads in another's name, released, or to a report that only others work on.
CREATE POLICY media_add ON media.object FOR INSERT TO backend_app WITH CHECK (
  state = 'private' AND uploader_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND EXISTS (SELECT 1 FROM reports.report r WHERE r.id = report_id
    AND (r.citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid)
      OR r.handler_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[]))));
CREATE POLICY city_add ON media.object FOR INSERT TO backend_city WITH CHECK (
  state = 'private' AND uploader_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND EXISTS (SELECT 1 FROM reports.report r WHERE r.id = report_id));
-- The sweep learns which ids are known and marks what is gone, nothing more.
CREATE POLICY worker_read ON media.object FOR SELECT TO backend_worker USING (true);
CREATE POLICY worker_lost ON media.object FOR UPDATE TO backend_worker
  USING (true) WITH CHECK (state = 'lost');

GRANT USAGE ON SCHEMA media TO backend_app, backend_city, backend_worker;
GRANT SELECT ON media.object TO backend_app, backend_city;
GRANT INSERT (id, report_id, position, uploader_id, kind, state, content, width, height, octets, created_at)
  ON media.object TO backend_app, backend_city;
GRANT SELECT (id, kind, state, created_at) ON media.object TO backend_worker;
GRANT UPDATE (state, position) ON media.object TO backend_worker;
