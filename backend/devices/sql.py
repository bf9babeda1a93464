"""Statements of the feature. Row-level security shows a person the own rows alone; each says so once more."""

from sqlalchemy import text

NOTE_DEVICE = text(
    """
    INSERT INTO devices.device AS d (id, person, iss, sub, jkt, name, app, version, platform,
      first_use_at, last_use_at, network)
    VALUES (:id, :person, :iss, :sub, :jkt, :name, :app, :version, :platform, :now, :now, :network)
    ON CONFLICT (iss, sub, jkt) DO UPDATE
      SET last_use_at = excluded.last_use_at, network = excluded.network, app = excluded.app,
          version = coalesce(excluded.version, d.version), platform = coalesce(excluded.platform, d.platform)
    RETURNING id, xmax = 0 AS added
    """
)
NOTE_SESSION = text(
    """
    INSERT INTO devices.session (id, device_id, person, iss, sid, sub, jkt, acr, started_at,
      first_use_at, last_use_at, network)
    VALUES (:id, :device_id, :person, :iss, :sid, :sub, :jkt, :acr, :started_at, :now, :now, :network)
    ON CONFLICT (iss, sid, jkt) DO UPDATE
      SET last_use_at = excluded.last_use_at, network = excluded.network, acr = excluded.acr
    RETURNING xmax = 0 AS added
    """
)
TOUCH = "SELECT devices.touch($1, $2, $3, $4, $5, $6, $7)"

DEVICE = text(
    """
    SELECT id, jkt, name, app, version, platform, first_use_at, last_use_at, network, lost_at,
      jkt = :own AS current
    FROM devices.device WHERE person = :person AND jkt = :jkt FOR UPDATE
    """
)
RENAME = text("UPDATE devices.device SET name = :name WHERE id = :id")
LOSE = text("UPDATE devices.device SET lost_at = :now WHERE id = :id AND lost_at IS NULL")
SESSION = text(
    "SELECT sid, jkt FROM devices.session WHERE id = :id AND person = :person AND ended_at IS NULL FOR UPDATE"
)
SESSIONS_OF_DEVICE = text(
    """
    SELECT DISTINCT sid FROM devices.session
    WHERE device_id = :device_id AND ended_at IS NULL AND first_use_at > :since LIMIT :most
    """
)
OFFICIAL_CODE = text("SELECT code FROM tenancy.official WHERE id = :id")

_DEVICE_COLUMNS = """
d.jkt, d.name, d.app, d.version, d.platform, d.first_use_at, d.last_use_at, d.network, d.lost_at,
d.jkt = $2 AS current
"""
# Two statements each: one with `$n IS NULL OR …` would read all pages before the one asked for.
_DEVICES = f"SELECT d.id, {_DEVICE_COLUMNS} FROM devices.device d WHERE d.person = $1"  # noqa: S608 - columns are ours
DEVICES = f"{_DEVICES} ORDER BY d.first_use_at DESC, d.id DESC LIMIT $3"
DEVICES_AFTER = (
    f"{_DEVICES} AND (d.first_use_at, d.id) < ($3::timestamptz, $4::uuid)"
    " ORDER BY d.first_use_at DESC, d.id DESC LIMIT $5"
)
_SESSIONS = f"""
SELECT s.id AS session_id, s.acr, s.started_at, s.first_use_at AS session_first_use_at,
  s.last_use_at AS session_last_use_at, s.network AS session_network,
  s.sid = $3 AND s.jkt = $2 AS session_current, {_DEVICE_COLUMNS}
FROM devices.session s JOIN devices.device d ON d.id = s.device_id
WHERE s.person = $1 AND s.ended_at IS NULL AND s.first_use_at > $4
  AND s.started_at > (SELECT devices.realm_end($5))
"""  # noqa: S608 - columns are ours
SESSIONS = f"{_SESSIONS} ORDER BY s.first_use_at DESC, s.id DESC LIMIT $6"
SESSIONS_AFTER = (
    f"{_SESSIONS} AND (s.first_use_at, s.id) < ($6::timestamptz, $7::uuid)"
    " ORDER BY s.first_use_at DESC, s.id DESC LIMIT $8"
)
