-- Closing with evidence or a reasoned refusal; what the citizen adds, withdraws, rates (chấm điểm) and reopens.

-- Why a report may be refused, and on which ground. Data: the ground changes with the law. A row is never changed,
-- only ended, for closed reports name it.
CREATE TABLE reports.legal_reason (
  code text PRIMARY KEY CHECK (code ~ '^[a-z][a-z_]{1,39}$'),
  closing_reason text NOT NULL CHECK (closing_reason IN ('no_jurisdiction', 'not_reproducible', 'out_of_scope')),
  name_vi text NOT NULL CHECK (length(name_vi) BETWEEN 1 AND 200),
  name_en text NOT NULL CHECK (length(name_en) BETWEEN 1 AND 200),
  basis text NOT NULL CHECK (length(basis) BETWEEN 1 AND 300),
  position int NOT NULL,
  from_day date NOT NULL,
  until_day date CHECK (until_day >= from_day)
);
ALTER TABLE reports.legal_reason ENABLE ROW LEVEL SECURITY;
ALTER TABLE reports.legal_reason FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON reports.legal_reason TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY anybody_reads ON reports.legal_reason FOR SELECT TO backend_app, backend_city USING (true);
GRANT SELECT ON reports.legal_reason TO backend_app, backend_city;
INSERT INTO reports.legal_reason (code, closing_reason, name_vi, name_en, basis, position, from_day) VALUES
  ('complaint', 'out_of_scope', 'Khiếu nại, giải quyết theo Luật Khiếu nại',
   'A complaint, which the Law on Complaints governs', 'Quyết định 1207/QĐ-UBND ngày 28/02/2025; Luật Khiếu nại 02/2011/QH13', 1, '2025-02-28'),
  ('denunciation', 'out_of_scope', 'Tố cáo, giải quyết theo Luật Tố cáo',
   'A denunciation, which the Law on Denunciations governs', 'Quyết định 1207/QĐ-UBND ngày 28/02/2025; Luật Tố cáo 25/2018/QH14', 2, '2025-02-28'),
  ('state_secret', 'out_of_scope', 'Nội dung thuộc bí mật nhà nước',
   'Its content is a state secret', 'Quyết định 1207/QĐ-UBND ngày 28/02/2025; Luật Bảo vệ bí mật nhà nước 117/2025/QH15', 3, '2026-03-01'),
  ('outside_city', 'no_jurisdiction', 'Không thuộc thẩm quyền của thành phố Hà Nội',
   'Not within the powers of the city of Ha Noi', 'Quyết định 1207/QĐ-UBND ngày 28/02/2025', 4, '2025-02-28'),
  ('not_found_on_site', 'not_reproducible', 'Đã kiểm tra hiện trường, không có sự việc như phản ánh',
   'The place was looked at, and nothing was found as reported', 'Quyết định 1207/QĐ-UBND ngày 28/02/2025', 5, '2025-02-28');

ALTER TABLE reports.report
  ADD COLUMN closed_at timestamptz,
  -- A citizen reopens a report once.
  ADD COLUMN reopened_at timestamptz,
  ADD COLUMN legal_reason text REFERENCES reports.legal_reason ON DELETE RESTRICT;
ALTER TABLE reports.report DROP CONSTRAINT report_closing_reason_check;
ALTER TABLE reports.report ADD CONSTRAINT report_closing_reason_check CHECK (closing_reason IN
  ('resolved', 'no_jurisdiction', 'not_reproducible', 'out_of_scope', 'no_reply', 'withdrawn'));
-- A refusal names its ground, and nothing else does.
ALTER TABLE reports.report ADD CONSTRAINT report_legal_reason_check CHECK
  (coalesce(closing_reason IN ('no_jurisdiction', 'not_reproducible', 'out_of_scope'), false)
   = (legal_reason IS NOT NULL));
ALTER TABLE reports.report ADD CONSTRAINT report_closed_at_check CHECK ((state = 'closed') = (closed_at IS NOT NULL));
GRANT INSERT (closed_at, reopened_at, legal_reason) ON reports.report TO backend_app;
GRANT UPDATE (closed_at, reopened_at, legal_reason) ON reports.report TO backend_app, backend_city;

ALTER TABLE reports.timeline ADD COLUMN stars smallint CHECK (stars BETWEEN 1 AND 5);
ALTER TABLE reports.timeline DROP CONSTRAINT timeline_kind_check;
ALTER TABLE reports.timeline ADD CONSTRAINT timeline_kind_check CHECK (kind IN
  ('submitted', 'accepted', 'forwarded', 'asked', 'replied', 'answered', 'closed', 'claimed', 'added', 'withdrawn',
   'rated', 'reopened'));
ALTER TABLE reports.timeline ADD CONSTRAINT timeline_rated_check CHECK ((kind = 'rated') = (stars IS NOT NULL));
-- Only the citizen whose report it is rates it: no official, whatever the service forgets.
CREATE POLICY rated_by_citizen ON reports.timeline AS RESTRICTIVE FOR INSERT TO backend_app, backend_city
  WITH CHECK (kind NOT IN ('rated', 'reopened', 'withdrawn', 'added') OR EXISTS (SELECT 1 FROM reports.report r
    WHERE r.id = report_id AND r.citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid)));

-- A job learns that a report was refused or badly rated, and tells the unit's head; the text stays with them.
GRANT SELECT (closing_reason) ON reports.report TO backend_worker;
GRANT SELECT (kind, stars) ON reports.timeline TO backend_worker;

-- Whether the unit's side has put a file to the report since a moment: what was done, to be seen.
CREATE FUNCTION media.has_evidence(a_report uuid, since timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT EXISTS (SELECT 1 FROM media.object m JOIN reports.report r ON r.id = m.report_id
    WHERE m.report_id = a_report AND m.state <> 'lost' AND m.uploader_id <> r.citizen_id
      -- A rendition shows what the citizen photographed, not what was done.
      AND m.redacts IS NULL AND m.created_at >= since)
$$;
REVOKE ALL ON FUNCTION media.has_evidence FROM PUBLIC;
GRANT EXECUTE ON FUNCTION media.has_evidence TO backend_app, backend_city;
