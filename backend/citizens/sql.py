"""The statements of citizens' accounts. What crosses from one person to another is a function of migration 0017."""

from sqlalchemy import text

BOUND = text("SELECT digest FROM citizens.phone WHERE citizen_id = :citizen")
IS_TAKEN = text("SELECT citizens.is_taken(:digest)")
PUT_PROOF = text(
    """
    INSERT INTO citizens.phone_proof AS p (citizen_id, digest, code_digest, sealed, expires_at)
    VALUES (:citizen, :digest, :code_digest, :sealed, :expires_at)
    ON CONFLICT (citizen_id) DO UPDATE SET digest = excluded.digest, code_digest = excluded.code_digest,
      sealed = excluded.sealed, attempts = 0, expires_at = excluded.expires_at
    """
)
# Locked: of guesses at once, each finds what the one before it left.
PROOF = text(
    """
    SELECT digest, code_digest, sealed, attempts, expires_at FROM citizens.phone_proof
    WHERE citizen_id = :citizen FOR UPDATE
    """
)
MISSED = text("UPDATE citizens.phone_proof SET attempts = attempts + 1 WHERE citizen_id = :citizen")
FORGET_PROOF = text("DELETE FROM citizens.phone_proof WHERE citizen_id = :citizen")
BIND = text("SELECT outcome, holder, due_at FROM citizens.bind_phone(:digest, :sealed, :now, :due)")
TELL = text("SELECT citizens.tell(:id, :whom, :kind, :now)")

ASK_DELETION = text(
    """
    INSERT INTO citizens.deletion (citizen_id, asked_at, due_at) VALUES (:citizen, :now, :due)
    ON CONFLICT (citizen_id) DO NOTHING
    """
)
DELETION = text("SELECT state, asked_at, due_at FROM citizens.deletion WHERE citizen_id = :citizen")
KEEP_ACCOUNT = text(
    "DELETE FROM citizens.deletion WHERE citizen_id = :citizen AND state = 'asked' RETURNING true"
)

CLAIM = text("SELECT version, state, unit_code FROM citizens.claim_report(:code, :entry, :change, :now)")
NAMELESS = text("SELECT citizens.nameless(:id)")
NOTE_UNCLAIMED = text("SELECT citizens.note_unclaimed(:report, :digest, :now)")

UNIT = text("SELECT id, code, kind FROM tenancy.unit WHERE id = :unit")
OPEN_RECOVERY = text(
    "SELECT citizens.open_recovery(:id, :unit, :digest, :code_digest, :sealed, :now, :expires_at)"
)
RECOVERY = text(
    """
    SELECT citizen_id, unit_id, digest, code_digest, sealed, attempts, state, expires_at, request
    FROM citizens.recovery WHERE id = :id AND official_id = :official FOR UPDATE
    """
)
RECOVERY_MISSED = text("UPDATE citizens.recovery SET attempts = attempts + 1 WHERE id = :id")
RECOVERY_STATE = text("UPDATE citizens.recovery SET state = :state, request = :request WHERE id = :id")
