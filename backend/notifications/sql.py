"""Statements of the sending."""

from sqlalchemy import text

_COLUMNS = """d.id, d.token, d.recipient, d.recipient_kind, d.resource, d.urgency, d.state, d.channel,
  d.created_at, d.due_at, d.claimed_until, d.tries"""

OWN = text(f"SELECT {_COLUMNS} FROM notifications.delivery d WHERE d.id = :id FOR UPDATE")  # noqa: S608 - columns are ours
OTHERS = text(
    f"""
    SELECT {_COLUMNS} FROM notifications.delivery d
    WHERE d.state = 'waiting' AND d.channel = 'push' AND d.due_at <= :now AND d.id <> :id
    ORDER BY d.due_at LIMIT :most FOR UPDATE SKIP LOCKED
    """  # noqa: S608 - columns are ours
)
CIRCUMSTANCES = text(
    """
    SELECT d.id, p.person IS NOT NULL AS chosen, p.push, p.sms, p.email, p.quiet_from, p.quiet_to, p.phone,
      a.there AS reachable, a.email AS address,
      EXISTS (SELECT FROM notifications.inbox i WHERE i.delivery_id = d.id AND i.read_at IS NULL) AS unread,
      (SELECT max(l.done_at) FROM notifications.delivery l
       WHERE l.recipient = d.recipient AND l.state = 'sent' AND l.resource = d.resource
         AND l.done_at > cast(:now AS timestamptz) - interval '1 hour') AS told_at,
      (SELECT count(*) FROM notifications.delivery l
       WHERE l.recipient = d.recipient AND l.state = 'sent'
         AND l.done_at > cast(:now AS timestamptz) - interval '1 hour') AS told_lately,
      (SELECT count(*) FROM notifications.delivery l JOIN notifications.attempt t ON t.delivery_id = l.id
       WHERE l.recipient = d.recipient AND l.created_at > cast(:now AS timestamptz) - interval '2 days'
         AND t.channel = 'sms' AND t.at > cast(:now AS timestamptz) - interval '1 day') AS sms_lately,
      EXISTS (SELECT FROM notifications.attempt t
              WHERE t.delivery_id = d.id AND t.outcome = 'sent') AS sent_before
    FROM notifications.delivery d
    LEFT JOIN notifications.preference p ON p.person = d.recipient
    LEFT JOIN LATERAL (
      SELECT true AS there, f.email FROM notifications.address_of(d.recipient, d.recipient_kind) f) a ON true
    WHERE d.id = ANY(:ids)
    """
)
# What took this delivery already is left out: of a batch that failed in part, the rest alone is sent again.
# And so is whoever does not agree to push, at this moment.
TARGETS = text(
    """
    SELECT d.id AS delivery_id, k.id, k.platform, k.token
    FROM notifications.delivery d JOIN notifications.push_token k
      ON k.person = d.recipient AND k.person_kind = d.recipient_kind
    WHERE d.id = ANY(:ids) AND notifications.may_push(d.recipient, d.recipient_kind) AND NOT EXISTS (
      SELECT FROM notifications.attempt t
      WHERE t.delivery_id = d.id AND t.push_token_id = k.id AND t.outcome IN ('sent', 'refused'))
    ORDER BY d.id, k.registered_at, k.id
    """
)
CLAIM = text(
    """
    UPDATE notifications.delivery
    SET state = 'sending', channel = :channel, claimed_until = :until, tries = tries + 1 WHERE id = :id
    """
)
WAIT = text(
    """
    UPDATE notifications.delivery SET due_at = :until, claimed_until = NULL, channel = :channel,
      tries = CASE WHEN channel = :channel THEN tries ELSE 0 END
    WHERE id = :id AND state IN ('waiting', 'sending')
    """
)
END = text(
    """
    UPDATE notifications.delivery
    SET state = :state, outcome = :outcome, done_at = :now, claimed_until = NULL
    WHERE id = :id AND state IN ('waiting', 'sending')
    """
)
ATTEMPT = text(
    """
    INSERT INTO notifications.attempt (id, delivery_id, channel, push_token_id, at)
    VALUES (:id, :delivery_id, :channel, :push_token_id, :now)
    """
)
ANSWERED = text("UPDATE notifications.attempt SET outcome = :outcome WHERE id = :id")
# The very token: its owner may have told a new one meanwhile.
DEAD = text("DELETE FROM notifications.push_token WHERE id = :id AND token = :token")
FORGOTTEN = text(
    """
    SELECT d.id FROM notifications.delivery d
    WHERE d.state IN ('waiting', 'sending') AND d.due_at < cast(:now AS timestamptz) - interval '1 hour'
      AND (d.claimed_until IS NULL OR d.claimed_until < cast(:now AS timestamptz) - interval '1 hour')
    ORDER BY d.due_at LIMIT 1000
    """
)
"""Deliveries that a job should have looked at an hour ago. There are none, unless the queue lost a job."""
