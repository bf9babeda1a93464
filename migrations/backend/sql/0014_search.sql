-- Search (tìm kiếm) of reports by folded words (docs/decisions/0005-visibility-table.md).
-- The application folds; here words are only kept and compared. Nobody is granted these tables: the functions
-- below are the only way in, and each takes the units from the principal's settings, not from the caller.
CREATE TABLE reports.report_search (
  report_id uuid PRIMARY KEY REFERENCES reports.report ON DELETE RESTRICT,
  created_at timestamptz NOT NULL,
  -- Lexemes: the words; 's:closed'; and who may find it when: 'u7:', 'u7:2026', 'u7:202611', 'u7:20261124', the
  -- same with 'c' for the city. Words hold no colon. An intersection then begins with the rarest.
  entry tsvector NOT NULL
);
-- fastupdate would put a list to be searched one by one before the index.
CREATE INDEX report_search_entry ON reports.report_search USING gin (entry) WITH (fastupdate = off);
-- Short words of letters, to complete the last word of a search: a prefix in the index itself would read
-- every report of every word that begins so.
CREATE TABLE reports.search_word (word text COLLATE "C" PRIMARY KEY CHECK (word ~ '^[a-z]{3,8}$'));

ALTER TABLE reports.report_search ENABLE ROW LEVEL SECURITY;
ALTER TABLE reports.report_search FORCE ROW LEVEL SECURITY;
ALTER TABLE reports.search_word ENABLE ROW LEVEL SECURITY;
ALTER TABLE reports.search_word FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON reports.report_search TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON reports.search_word TO backend_owner USING (true) WITH CHECK (true);

CREATE FUNCTION reports.search_scopes(units int[], state text, created_at timestamptz) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT array_agg(o.owner || ':' || left(d.day, n.digits)) || ('s:' || state)
  FROM (SELECT 'c' AS owner UNION ALL SELECT 'u' || u FROM unnest(units) u) o,
       (SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDD') AS day) d,
       (VALUES (0), (4), (6), (8)) n(digits)
$$;

-- What a report is found by. Called by the owner.
CREATE FUNCTION reports.write_search(report uuid, words text[]) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF EXISTS (SELECT FROM unnest(words) w WHERE w ~ '[:''\\[:space:]]' OR length(w) NOT BETWEEN 1 AND 40) THEN
    RAISE EXCEPTION 'not a word' USING ERRCODE = '22023';
  END IF;
  INSERT INTO reports.report_search (report_id, created_at, entry)
  SELECT r.id, r.created_at,
    array_to_tsvector(words || reports.search_scopes(r.visible_units, r.state, r.created_at))
  FROM reports.report r WHERE r.id = report;
  -- Sorted, so that two writers of new words can't deadlock.
  INSERT INTO reports.search_word (word)
  SELECT DISTINCT w COLLATE "C" FROM unnest(words) w WHERE w ~ '^[a-z]{3,8}$'
    AND NOT EXISTS (SELECT FROM reports.search_word k WHERE k.word = w)
  ORDER BY 1
  ON CONFLICT DO NOTHING;
END $$;

-- The words of one's own new report, in the transaction that makes it; another's and an absent one are the same.
CREATE FUNCTION reports.index_words(report uuid, words text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM reports.report r WHERE r.id = report AND r.version = 1
      AND r.citizen_id = nullif(current_setting('ioc.citizen', true), '')::uuid) THEN
    RAISE EXCEPTION 'no such report of yours' USING ERRCODE = '42501';
  END IF;
  PERFORM reports.write_search(report, words);
END $$;

-- Whoever sees the report finds it, whatever changed it.
CREATE FUNCTION reports.keep_search() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE reports.report_search s
  SET entry = ts_delete(s.entry, reports.search_scopes(OLD.visible_units, OLD.state, OLD.created_at))
    || array_to_tsvector(reports.search_scopes(NEW.visible_units, NEW.state, NEW.created_at))
  WHERE s.report_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER report_search AFTER UPDATE ON reports.report
  FOR EACH ROW WHEN (NEW.visible_units <> OLD.visible_units OR NEW.state <> OLD.state)
  EXECUTE FUNCTION reports.keep_search();

-- Words as a query: all of them; the last also as the beginning of at most 24 longer ones.
CREATE FUNCTION reports.search_query(words text[], state text) RETURNS tsquery
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  last_word constant text := words[cardinality(words)];
  last_ones text[];
BEGIN
  IF cardinality(words) NOT BETWEEN 1 AND 8
      OR EXISTS (SELECT FROM unnest(words) w WHERE w IS NULL OR w = '' OR w ~ '[:''\\[:space:]]') THEN
    RAISE EXCEPTION 'not words' USING ERRCODE = '22023';
  END IF;
  last_ones := ARRAY[last_word];
  IF last_word ~ '^[a-z]{3,8}$' THEN
    last_ones := last_ones || ARRAY(SELECT k.word FROM reports.search_word k
      WHERE k.word > last_word COLLATE "C" AND k.word < last_word || '{' ORDER BY k.word LIMIT 24);
  END IF;
  RETURN concat_ws(' & ',
    (SELECT string_agg(format('''%s''', w), ' & ') FROM unnest(words[:cardinality(words) - 1]) w),
    CASE WHEN state IS NOT NULL THEN format('''s:%s''', state) END,
    (SELECT format('(%s)', string_agg(format('''%s''', w), ' | ')) FROM unnest(last_ones) w))::tsquery;
END $$;

-- The newest matches before a position, at most `wanted`. An index of words has no order, so time is cut: the
-- newest three months, which are enough for a common word, then everything before them; and what has more than
-- 100 matches by its years, months, days from the newest, until there are enough. Work: at most 101 matches of
-- each span that is cut, then those of the days that are shown.
CREATE FUNCTION reports.search_walk(
  owners text[], words text[], state text, before_at timestamptz, before_id uuid, wanted int
) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE ROWS 50 SET search_path = '' SET enable_seqscan = off SET enable_bitmapscan = on AS $$
DECLARE
  rest constant tsquery := reports.search_query(words, state);
  newest text := coalesce(to_char(before_at AT TIME ZONE 'UTC', 'YYYYMMDD'), '99999999');
  top constant timestamp := date_trunc('month', coalesce(before_at, (SELECT r.created_at FROM reports.report r
    WHERE r.created_at > '-infinity' ORDER BY r.created_at DESC, r.id DESC LIMIT 1), now()) AT TIME ZONE 'UTC');
  spans text[] := ARRAY['', to_char(top - interval '2 months', 'YYYYMM'),
    to_char(top - interval '1 month', 'YYYYMM'), to_char(top, 'YYYYMM')];
  span text;
  query tsquery;
  ids uuid[];
  moments timestamptz[];
  found_ids uuid[] := '{}';
  found_moments timestamptz[] := '{}';
BEGIN
  WHILE cardinality(owners) > 0 AND cardinality(spans) > 0 AND cardinality(found_ids) < wanted LOOP
    span := spans[cardinality(spans)];
    spans := trim_array(spans, 1);
    IF span = '' THEN
      -- The three months are done: the position is where they begin.
      before_at := (top - interval '2 months') AT TIME ZONE 'UTC';
      before_id := '00000000-0000-0000-0000-000000000000';
      newest := to_char(top - interval '2 months 1 day', 'YYYYMMDD');
    END IF;
    CONTINUE WHEN span > left(newest, length(span));
    query := (SELECT string_agg(format('''%s:%s''', o, span), ' | ') FROM unnest(owners) o)::tsquery && rest;
    SELECT array_agg(m.report_id), array_agg(m.created_at) INTO ids, moments FROM (
      SELECT s.report_id, s.created_at FROM reports.report_search s WHERE s.entry @@ query
      LIMIT CASE length(span) WHEN 8 THEN 5000 ELSE 101 END) m;
    IF cardinality(ids) > 100 AND length(span) < 8 THEN
      spans := spans || reports.search_parts(span);
    ELSE
      SELECT found_ids || array_agg(x.i), found_moments || array_agg(x.a) INTO found_ids, found_moments
      FROM unnest(ids, moments) x(i, a) WHERE before_at IS NULL OR (x.a, x.i) < (before_at, before_id);
    END IF;
  END LOOP;
  RETURN QUERY SELECT x.i FROM unnest(found_ids, found_moments) x(i, a) ORDER BY x.a DESC, x.i DESC LIMIT wanted;
END $$;

-- The years there are, a year's months, a month's days; the newest last.
CREATE FUNCTION reports.search_parts(span text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT CASE length(span)
    WHEN 0 THEN ARRAY(SELECT y::text FROM generate_series(
      (SELECT extract(year FROM r.created_at AT TIME ZONE 'UTC')::int FROM reports.report r
       WHERE r.created_at > '-infinity' ORDER BY r.created_at, r.id LIMIT 1),
      (SELECT extract(year FROM r.created_at AT TIME ZONE 'UTC')::int FROM reports.report r
       WHERE r.created_at > '-infinity' ORDER BY r.created_at DESC, r.id DESC LIMIT 1)) y ORDER BY y)
    WHEN 4 THEN ARRAY(SELECT span || lpad(n::text, 2, '0') FROM generate_series(1, 12) n ORDER BY n)
    ELSE ARRAY(SELECT span || lpad(n::text, 2, '0') FROM generate_series(1, 31) n ORDER BY n) END
$$;

-- Of these units, as far as they are the principal's: asking for another is as asking for none.
CREATE FUNCTION reports.search_units(
  units int[], words text[], state text, before_at timestamptz, before_id uuid, wanted int
) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 50 SET search_path = '' AS $$
  SELECT reports.search_walk(ARRAY(SELECT DISTINCT 'u' || u FROM unnest(units) u
      WHERE u = ANY (string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])),
    words, state, before_at, before_id, least(wanted, 101))
$$;
-- Of any unit, or of the whole city (no units), for the city's role; for nobody when no principal was set.
CREATE FUNCTION reports.search_city(
  units int[], words text[], state text, before_at timestamptz, before_id uuid, wanted int
) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 50 SET search_path = '' AS $$
  SELECT reports.search_walk(CASE WHEN nullif(current_setting('ioc.subject', true), '') IS NULL THEN '{}'
      WHEN units IS NULL THEN '{c}' ELSE ARRAY(SELECT DISTINCT 'u' || u FROM unnest(units) u) END,
    words, state, before_at, before_id, least(wanted, 101))
$$;

REVOKE ALL ON FUNCTION reports.search_scopes, reports.write_search, reports.index_words, reports.keep_search,
  reports.search_query, reports.search_walk, reports.search_parts, reports.search_units, reports.search_city
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reports.index_words, reports.search_units TO backend_app;
GRANT EXECUTE ON FUNCTION reports.search_city TO backend_city;
