-- Retention (thời hạn lưu trữ) by rule, and what a granted deletion takes beside the account.

-- How long which data is kept, on which ground. Never changed: a new version from a day on. `begins`: what the months are counted
-- from. `assumed`: the figure is ours and wants a lawyer. `after_deletion`: stays also when the person has the account deleted.
CREATE TABLE privacy.retention_rule (
  code text COLLATE "C" NOT NULL CHECK (code ~ '^[a-z][a-z_]{2,20}$'),
  version int NOT NULL CHECK (version >= 1),
  from_day date NOT NULL,
  data_vi text NOT NULL CHECK (length(data_vi) BETWEEN 1 AND 300),
  data_en text NOT NULL CHECK (length(data_en) BETWEEN 1 AND 300),
  begins text CHECK (begins IN ('closed', 'told', 'answered', 'ended')),
  months int CHECK (months BETWEEN 1 AND 600),
  act text NOT NULL CHECK (act IN ('delete', 'anonymise', 'keep')),
  basis text NOT NULL CHECK (length(basis) BETWEEN 1 AND 300),
  assumed boolean NOT NULL,
  after_deletion boolean NOT NULL,
  PRIMARY KEY (code, version),
  UNIQUE (code, from_day),
  CHECK ((act = 'keep') = (months IS NULL) AND (months IS NULL) = (begins IS NULL)),
  CHECK (act = 'keep' OR NOT after_deletion)
);
INSERT INTO privacy.retention_rule
  (code, version, from_day, data_vi, data_en, begins, months, act, basis, assumed, after_deletion) VALUES
  ('contact', 1, '2026-01-01', 'Thông tin liên hệ của phản ánh đã đóng', 'The contact of a closed report', 'closed', 24, 'delete',
   'Luật 91/2025/QH15: không lâu hơn mục đích', true, false),
  ('report_files', 1, '2026-01-01', 'Ảnh và tệp người dân gửi kèm phản ánh đã đóng, và bản đã che',
   'Photos and files that the citizen put to a closed report, and their redacted versions', 'closed', 24, 'delete',
   'Luật 91/2025/QH15: không lâu hơn mục đích', true, false),
  ('report_words', 1, '2026-01-01', 'Nội dung, địa điểm và lời của người dân trong phản ánh đã đóng',
   'Text, place and words of the citizen in a closed report', 'closed', 60, 'anonymise',
   'Luật 91/2025/QH15: không lâu hơn mục đích; Luật Lưu trữ 33/2024/QH15', true, false),
  ('notice', 1, '2026-01-01', 'Thông báo trong hộp thư', 'Notices in the inbox', 'told', 12, 'delete',
   'Luật 91/2025/QH15: không lâu hơn mục đích', true, false),
  ('request_words', 1, '2026-01-01', 'Lời của yêu cầu chủ thể dữ liệu và của câu trả lời',
   'Words of a data subject''s request and of its answer', 'answered', 24, 'anonymise',
   'Luật 91/2025/QH15: chứng minh việc thực hiện', true, false),
  ('block_words', 1, '2026-01-01', 'Lời giải thích của lệnh chặn, khiếu nại và quyết định',
   'Words of a block, of its appeal and its decision', 'ended', 12, 'anonymise', 'Luật 91/2025/QH15: không lâu hơn mục đích', true, false),
  ('report', 1, '2026-01-01', 'Lĩnh vực, phường xã, các bước, thời hạn và câu trả lời của đơn vị, không kèm người phản ánh',
   'Category, ward, steps, deadlines and the unit''s answer of a report, without the person', NULL, NULL, 'keep',
   'Quyết định 6372/QĐ-UBND; Luật Lưu trữ 33/2024/QH15', true, true),
  ('evidence', 1, '2026-01-01', 'Ảnh và tài liệu của đơn vị về việc đã làm', 'The unit''s photos and documents of what was done', NULL, NULL, 'keep',
   'Quyết định 6372/QĐ-UBND; Luật Lưu trữ 33/2024/QH15', true, true),
  ('open_report', 1, '2026-01-01', 'Phản ánh đang xử lý, cho đến khi đóng', 'Reports that are being handled, until they are closed',
   NULL, NULL, 'keep', 'Quyết định 1207/QĐ-UBND', true, true),
  ('ledger', 1, '2026-01-01', 'Sổ truy cập: vai trò và đơn vị nào đã mở, ngày nào', 'The access ledger: which role of which unit opened what, on which day',
   NULL, NULL, 'keep', 'Luật 91/2025/QH15: quyền được biết', true, true),
  ('consent', 1, '2026-01-01', 'Đã đồng ý hay rút lại điều gì, khi nào', 'What was agreed to or withdrawn, and when', NULL, NULL, 'keep',
   'Luật 91/2025/QH15: chứng minh sự đồng ý', false, true),
  ('request', 1, '2026-01-01', 'Đã yêu cầu quyền nào, khi nào, kết quả', 'Which right was asked for, when, and what came of it', NULL, NULL, 'keep',
   'Luật 91/2025/QH15: chứng minh việc thực hiện', false, true),
  ('security_log', 1, '2026-01-01', 'Nhật ký an toàn dưới bí danh không còn nối được với người, ít nhất 12 tháng',
   'The security log under a pseudonym that leads to nobody any more, at least 12 months', NULL, NULL, 'keep',
   'An toàn thông tin cấp độ 4; Nghị định 333/2026/NĐ-CP', false, true);
ALTER TABLE privacy.retention_rule ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy.retention_rule FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON privacy.retention_rule TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY seen ON privacy.retention_rule FOR SELECT TO backend_app, backend_city, backend_worker USING (true);
GRANT SELECT ON privacy.retention_rule TO backend_app, backend_city, backend_worker;
-- The rules in force on a day.
CREATE FUNCTION privacy.rules(a_day date) RETURNS SETOF privacy.retention_rule
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT DISTINCT ON (r.code) r.* FROM privacy.retention_rule r WHERE r.from_day <= a_day ORDER BY r.code, r.from_day DESC
$$;

-- When the citizen's words of a report were taken out of it.
ALTER TABLE reports.report ADD COLUMN emptied_at timestamptz;
CREATE INDEX report_to_empty ON reports.report (id)
  WHERE (closed_at IS NOT NULL OR merged_into IS NOT NULL) AND emptied_at IS NULL;

-- When nobody works on a report any more: since it is closed, or since the one is that it was merged into.
CREATE FUNCTION privacy.over_since(a_report uuid) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT coalesce(r.closed_at, m.closed_at) FROM reports.report r LEFT JOIN reports.report m ON m.id = r.merged_into
  WHERE r.id = a_report
$$;

-- Whose reports are emptied as they are closed, once the account is gone. Taken back with the deletion.
CREATE TABLE privacy.erasure (
  citizen_id uuid PRIMARY KEY REFERENCES citizens.citizen ON DELETE RESTRICT,
  request_id uuid NOT NULL REFERENCES privacy.request ON DELETE RESTRICT,
  reports int NOT NULL DEFAULT 0,
  files int NOT NULL DEFAULT 0,
  done_at timestamptz
);
ALTER TABLE privacy.erasure ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy.erasure FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON privacy.erasure TO backend_owner USING (true) WITH CHECK (true);
CREATE FUNCTION privacy.erasure_asked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  INSERT INTO privacy.erasure (citizen_id, request_id) VALUES (NEW.citizen_id, NEW.id) ON CONFLICT (citizen_id) DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER erasure_asked AFTER UPDATE OF carried_out_at ON privacy.request
  FOR EACH ROW WHEN (NEW.kind = 'delete' AND NEW.carried_out_at IS NOT NULL AND OLD.carried_out_at IS NULL)
  EXECUTE FUNCTION privacy.erasure_asked();
CREATE FUNCTION privacy.erasure_taken_back() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  DELETE FROM privacy.erasure e USING citizens.citizen c
  WHERE e.citizen_id = OLD.citizen_id AND c.id = e.citizen_id AND c.issuer NOT LIKE 'urn:ioc:%';
  RETURN NULL;
END $$;
CREATE TRIGGER deletion_taken_back AFTER DELETE ON citizens.deletion
  FOR EACH ROW WHEN (OLD.state = 'asked') EXECUTE FUNCTION privacy.erasure_taken_back();

-- Takes the citizen's words out of a report that is over: text, place, what was added, replied, rated and withdrawn, what was released
-- of it, and the words it is found by. What the unit wrote stays. Called by the owner, who holds the report's lock.
CREATE FUNCTION privacy.empty_words(a_report uuid, a_now timestamptz) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
  UPDATE reports.report r SET body = '(đã xóa)', place = '(đã xóa)', emptied_at = a_now, version = r.version + 1
  WHERE r.id = a_report;
  UPDATE reports.timeline t SET note = NULL WHERE t.report_id = a_report AND t.actor_kind = 'citizen' AND t.note IS NOT NULL;
  UPDATE reports.report_search s SET entry = array_to_tsvector(reports.search_scopes(r.visible_units, r.state, r.created_at))
  FROM reports.report r WHERE r.id = a_report AND s.report_id = r.id;
  DELETE FROM releases.text x WHERE x.report_id = a_report;
$$;
-- The same of the files on the citizen's side, and what was redacted of them; how many. Their octets go with the next sweep of the
-- store, which keeps no object that no row names.
CREATE FUNCTION privacy.empty_files(a_report uuid) RETURNS int
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  mine constant uuid[] := ARRAY(SELECT m.id FROM media.object m JOIN reports.report r ON r.id = m.report_id
    WHERE m.report_id = a_report AND (m.position <= 10 OR m.uploader_id = r.citizen_id));
  gone int;
BEGIN
  DELETE FROM media.object m WHERE m.redacts = ANY (mine);
  GET DIAGNOSTICS gone = ROW_COUNT;
  DELETE FROM media.object m WHERE m.id = ANY (mine);
  RETURN gone + cardinality(mine);
END $$;

-- Who is gone and has reports to be emptied, or none that is left.
CREATE FUNCTION privacy.erasures_due(most int) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT e.citizen_id FROM privacy.erasure e JOIN citizens.citizen c ON c.id = e.citizen_id AND c.issuer = 'urn:ioc:deleted'
  WHERE e.done_at IS NULL AND (EXISTS (SELECT FROM reports.report r
      WHERE r.citizen_id = e.citizen_id AND privacy.over_since(r.id) IS NOT NULL AND r.emptied_at IS NULL)
    OR NOT EXISTS (SELECT FROM reports.report r WHERE r.citizen_id = e.citizen_id AND r.emptied_at IS NULL))
  ORDER BY e.citizen_id LIMIT most
$$;
-- Empties one report that is over, of somebody who is gone; nothing when none is left. When all are, the erasure is over.
CREATE FUNCTION privacy.erase_next(a_citizen uuid, a_now timestamptz) RETURNS TABLE (code text, files int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  next record;
  gone int;
BEGIN
  PERFORM FROM privacy.erasure e JOIN citizens.citizen c ON c.id = e.citizen_id AND c.issuer = 'urn:ioc:deleted'
  WHERE e.citizen_id = a_citizen AND e.done_at IS NULL FOR UPDATE OF e;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT r.id, r.code INTO next FROM reports.report r
  WHERE r.citizen_id = a_citizen AND privacy.over_since(r.id) IS NOT NULL AND r.emptied_at IS NULL ORDER BY r.created_at, r.id LIMIT 1 FOR UPDATE;
  IF NOT FOUND THEN
    UPDATE privacy.erasure e SET done_at = a_now WHERE e.citizen_id = a_citizen
      AND NOT EXISTS (SELECT FROM reports.report r WHERE r.citizen_id = a_citizen AND r.emptied_at IS NULL);
    RETURN;
  END IF;
  gone := privacy.empty_files(next.id);
  PERFORM privacy.empty_words(next.id, a_now);
  UPDATE privacy.erasure e SET reports = e.reports + 1, files = e.files + gone WHERE e.citizen_id = a_citizen;
  RETURN QUERY SELECT next.code, gone;
END $$;

-- What a rule's term is over for, the oldest first.
CREATE FUNCTION privacy.due_of(a_code text, before timestamptz, most int) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
  CASE a_code
  WHEN 'contact' THEN
    RETURN QUERY SELECT c.report_id FROM contacts.contact c JOIN reports.report r ON r.id = c.report_id
      WHERE privacy.over_since(r.id) <= before ORDER BY r.id LIMIT most;
  WHEN 'report_files' THEN
    RETURN QUERY SELECT r.id FROM reports.report r WHERE privacy.over_since(r.id) <= before
      AND EXISTS (SELECT FROM media.object m WHERE m.report_id = r.id AND (m.position <= 10 OR m.uploader_id = r.citizen_id))
      ORDER BY r.id LIMIT most;
  WHEN 'report_words' THEN
    RETURN QUERY SELECT r.id FROM reports.report r WHERE (r.closed_at IS NOT NULL OR r.merged_into IS NOT NULL)
      AND r.emptied_at IS NULL AND privacy.over_since(r.id) <= before ORDER BY r.id LIMIT most;
  WHEN 'notice' THEN
    RETURN QUERY SELECT i.id FROM notifications.inbox i WHERE i.at <= before ORDER BY i.at, i.id LIMIT most;
  WHEN 'request_words' THEN
    RETURN QUERY SELECT q.id FROM privacy.request q WHERE q.answered_at <= before
      AND (q.details IS NOT NULL OR q.answer IS NOT NULL) ORDER BY q.answered_at, q.id LIMIT most;
  WHEN 'block_words' THEN
    RETURN QUERY SELECT b.id FROM abuse.block b WHERE b.until_at <= before
      AND (b.note IS NOT NULL OR b.appeal IS NOT NULL OR b.decision IS NOT NULL) ORDER BY b.until_at, b.id LIMIT most;
  ELSE
    RAISE EXCEPTION 'nothing carries out the rule %', a_code USING ERRCODE = '22023';
  END CASE;
END $$;
-- Carries out the rule in force for at most so many; how many there were. A report that is being changed waits for the next day.
CREATE FUNCTION privacy.apply_rule(a_code text, a_now timestamptz, most int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  term constant int := (SELECT r.months FROM privacy.rules((a_now AT TIME ZONE 'Asia/Ho_Chi_Minh')::date) r WHERE r.code = a_code);
  ids uuid[];
BEGIN
  IF term IS NULL THEN
    RETURN 0;
  END IF;
  ids := ARRAY(SELECT d FROM privacy.due_of(a_code, a_now - make_interval(months => term), least(most, 1000)) d);
  IF a_code IN ('contact', 'report_files', 'report_words') THEN
    -- Once locked, it is looked at again: a report may have been reopened.
    ids := ARRAY(SELECT r.id FROM reports.report r WHERE r.id = ANY (ids)
      AND privacy.over_since(r.id) <= a_now - make_interval(months => term) FOR UPDATE SKIP LOCKED);
  END IF;
  CASE a_code
  WHEN 'contact' THEN DELETE FROM contacts.contact c WHERE c.report_id = ANY (ids);
  WHEN 'report_files' THEN PERFORM privacy.empty_files(i) FROM unnest(ids) i;
  WHEN 'report_words' THEN PERFORM privacy.empty_words(i, a_now) FROM unnest(ids) i;
  WHEN 'notice' THEN DELETE FROM notifications.inbox i WHERE i.id = ANY (ids);
  WHEN 'request_words' THEN
    UPDATE privacy.request q SET details = NULL, answer = NULL, version = q.version + 1 WHERE q.id = ANY (ids);
  WHEN 'block_words' THEN UPDATE abuse.block b SET note = NULL, appeal = NULL, decision = NULL WHERE b.id = ANY (ids);
  ELSE
    RAISE EXCEPTION 'nothing carries out the rule %', a_code USING ERRCODE = '22023';
  END CASE;
  RETURN cardinality(ids);
END $$;
-- The rules in force with how much each would take now, counted up to 10,000; for the data-protection officer.
CREATE FUNCTION privacy.retention(a_now timestamptz)
RETURNS TABLE (code text, version int, from_day date, data_vi text, data_en text, begins text, months int, act text, basis text,
               assumed boolean, after_deletion boolean, due bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.code, r.version, r.from_day, r.data_vi, r.data_en, r.begins, r.months, r.act, r.basis, r.assumed, r.after_deletion,
    CASE WHEN r.months IS NULL THEN 0 ELSE
      (SELECT count(*) FROM privacy.due_of(r.code, a_now - make_interval(months => r.months), 10000)) END
  FROM privacy.rules((a_now AT TIME ZONE 'Asia/Ho_Chi_Minh')::date) r WHERE tenancy.protects_data() ORDER BY r.code
$$;
REVOKE ALL ON FUNCTION privacy.rules, privacy.over_since, privacy.erasure_asked, privacy.erasure_taken_back, privacy.empty_words, privacy.empty_files,
  privacy.erasures_due, privacy.erase_next, privacy.due_of, privacy.apply_rule, privacy.retention FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.rules TO backend_app, backend_city, backend_worker;
GRANT EXECUTE ON FUNCTION privacy.erasures_due, privacy.erase_next, privacy.apply_rule TO backend_worker;
GRANT EXECUTE ON FUNCTION privacy.retention TO backend_app, backend_city;
