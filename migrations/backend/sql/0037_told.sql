-- What may be told once, though its job runs twice: written in the transaction of the event and the history. Nobody but the
-- worker writes here, and nobody reads: who could put a row here before it would keep the true event out of the log.
CREATE TABLE tenancy.told (
  what text COLLATE "C" NOT NULL CHECK (what IN ('directory_done', 'review_reminded')),
  subject text COLLATE "C" NOT NULL CHECK (length(subject) BETWEEN 1 AND 100),
  PRIMARY KEY (what, subject)
);
ALTER TABLE tenancy.told ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenancy.told FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON tenancy.told TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY worker_tells ON tenancy.told FOR INSERT TO backend_worker WITH CHECK (true);
GRANT INSERT ON tenancy.told TO backend_worker;
