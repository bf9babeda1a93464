"""The statements of citizens' accounts. What crosses persons is a function of migration 0017."""

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
# Who may lose the number is told by the function itself: the api tells nobody but the principal.
BIND = text("SELECT outcome, due_at FROM citizens.bind_phone(:digest, :sealed, :now, :due, :notice)")
TELL_ONESELF = text("SELECT citizens.tell_oneself(:id, :kind, :now)")

ASK_DELETION = text(
    """
    INSERT INTO citizens.deletion (citizen_id, asked_at, due_at) VALUES (:citizen, :now, :due)
    ON CONFLICT (citizen_id) DO NOTHING
    """
)
DELETION = text("SELECT state, asked_at, due_at FROM citizens.deletion WHERE citizen_id = :citizen")
KEEP_ACCOUNT = text(
    "DELETE FROM citizens.deletion WHERE citizen_id = :citizen AND state = 'asked' AND due_at > :now"
    " RETURNING true"
)

CLAIM = text("SELECT version, state, unit_code FROM citizens.claim_report(:code, :entry, :change, :now)")
NAMELESS = text("SELECT citizens.nameless(:id)")
NOTE_UNCLAIMED = text("SELECT citizens.note_unclaimed(:report, :digest, :now)")

UNIT = text("SELECT id, code, kind FROM tenancy.unit WHERE id = :unit")
OPEN_RECOVERY = text("SELECT citizens.open_recovery(:id, :unit, :digest, :code_digest, :now, :expires_at)")
RECOVERY = text(
    """
    SELECT unit_id, code_digest, sealed, handed_over, attempts, state, asked_at, expires_at, request
    FROM citizens.recovery WHERE id = :id AND official_id = :official FOR UPDATE
    """
)
RECOVERY_MISSED = text("UPDATE citizens.recovery SET attempts = attempts + 1 WHERE id = :id")
RECOVERY_STATE = text("UPDATE citizens.recovery SET state = :state, request = :request WHERE id = :id")

# What the worker does.
TELL = text("SELECT citizens.tell(:id, :whom, :kind, :now)")
MESSAGE = text("SELECT sealed, expires_at FROM citizens.message WHERE id = :id")
MESSAGE_OVER = text(
    "UPDATE citizens.message SET sealed = NULL, sent_at = :sent_at WHERE id = :id AND sealed IS NOT NULL"
)
MOVES_DUE = text("SELECT digest FROM citizens.phone_move WHERE due_at <= :now ORDER BY due_at LIMIT 200")
MOVE_PHONE = text("SELECT from_citizen, to_citizen, sealed FROM citizens.move_phone(:digest, :now)")
DELETIONS_DUE = text(
    "SELECT citizen_id FROM citizens.deletion WHERE state = 'asked' AND due_at <= :now"
    " ORDER BY due_at LIMIT 200"
)
LOCK_DELETION = text(
    """
    SELECT citizen_id FROM citizens.deletion
    WHERE citizen_id = :citizen AND state = 'asked' AND due_at <= :now FOR UPDATE
    """
)
DELETING = text(
    "UPDATE citizens.deletion SET state = 'deleting', request = :request WHERE citizen_id = :citizen"
)
DELETION_OF = text("SELECT citizen_id, state FROM citizens.deletion WHERE request = :request FOR UPDATE")
DELETED = text(
    "UPDATE citizens.deletion SET state = 'deleted', deleted_at = :now WHERE citizen_id = :citizen"
)
# Its time is over, so the next round asks again; nobody can take it back.
DELETE_AGAIN = text(
    "UPDATE citizens.deletion SET state = 'asked' WHERE citizen_id = :citizen AND due_at <= :now"
)
DELETED_BEFORE = text(
    "SELECT citizen_id FROM citizens.deletion WHERE state = 'deleted' AND deleted_at <= :moment LIMIT 200"
)
FORGET = text("SELECT citizens.forget(:citizen, :subject)")
RECOVERY_OF = text(
    "SELECT id, citizen_id, handed_over FROM citizens.recovery WHERE request = :request FOR UPDATE"
)
RECOVERY_HALF = text("UPDATE citizens.recovery SET sealed = :half, handed_over = true WHERE id = :id")
SWEEP = text("SELECT citizens.sweep(:now)")

# For asyncpg: one row, whatever is known of the account.
ACCOUNT = """
SELECT p.digest, m.sealed AS moving, m.due_at AS moves_at, d.state AS deletion, d.asked_at, d.due_at
FROM (SELECT 1) one
LEFT JOIN citizens.phone p ON p.citizen_id = $1
LEFT JOIN citizens.phone_move m ON m.to_citizen = $1
LEFT JOIN citizens.deletion d ON d.citizen_id = $1
"""
