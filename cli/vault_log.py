"""`ioc vault log`: how long the vault's log is, what of it is signed, what of it the witness has cosigned."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import psycopg
import typer

from cli import place
from cli.output import console
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.vault_keys import VaultKeys
from stack.witness import NAME
from verifier.checkpoints import Checkpoint, Cosigner, open_checkpoint, verify_cosignature
from verifier.keys import public_key
from verifier.lines import LinesRefused, check_lines
from verifier.notes import NoteRefused

LATE_SECONDS = 60
_LATE = 4  # as of `ioc status`
_LOG = "SELECT epoch, origin, next_sequence, relp_acked FROM audit.log ORDER BY epoch DESC LIMIT 1"
_CHECKPOINT = "SELECT note, at FROM audit.checkpoint WHERE epoch = %s ORDER BY size DESC LIMIT 1"
_COSIGNED = """
    SELECT c.note || s.line FROM audit.cosignature s JOIN audit.checkpoint c USING (epoch, size)
    WHERE s.epoch = %s AND s.witness = %s ORDER BY s.size DESC, s.at DESC LIMIT 1"""
_WAITING = "SELECT uuid_extract_timestamp(event_id) FROM audit.leaf WHERE epoch = %s AND sequence = %s"
_LINES = "SELECT line FROM audit.leaf WHERE epoch = %s AND sequence < %s ORDER BY sequence"


@dataclass(frozen=True, slots=True)
class Told:
    """What the log's database says, its signatures verified."""

    epoch: int
    origin: str
    lines: int
    acknowledged: int
    signed: Checkpoint | None
    signed_at: datetime | None
    cosigned: Checkpoint | None
    cosigned_at: datetime | None
    note: str | None
    """The cosigned checkpoint, for `python -m verifier.lines`."""

    waiting_since: datetime | None
    """When the oldest line was recorded that the witness has not cosigned."""

    @property
    def late(self) -> bool:
        """Whether the witness should have more by now."""
        if self.waiting_since is None:
            return False
        return (datetime.now(UTC) - self.waiting_since).total_seconds() > LATE_SECONDS


def show_log(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Hash every line anew.")] = False,
    note: Annotated[bool, typer.Option("--note", help="The cosigned checkpoint alone, for a file.")] = False,
) -> None:
    """Size, root, last checkpoint, what the witness has cosigned and when. Exit code 4 when it is late."""
    stack = place.existing()
    try:
        told = read_log(stack)
        if verify:
            verify_lines(stack, told)
    except psycopg.Error as error:
        raise StackError("postgres-vault", f"no answer: {type(error).__name__}", "./ioc status") from error
    except (NoteRefused, LinesRefused) as error:
        raise StackError(
            "vault", f"the log is not as signed: {error}", "keep both disks; see LogForked"
        ) from error
    if note:
        typer.echo(told.note or "", nl=False)
    elif as_json:
        typer.echo(json.dumps(as_values(told), ensure_ascii=False, indent=1))
    else:
        for name, value in as_values(told).items():
            console.print(f"{name:<14} {'-' if value is None else value}", soft_wrap=True, highlight=False)
    if told.late:
        raise typer.Exit(_LATE)


def read_log(stack: EmbeddedStack) -> Told:
    """Raises NoteRefused for a signature that is not the log's or the witness's."""
    keys, cosigner = VaultKeys(stack.home), Cosigner(NAME, public_key(stack.witness.public))
    log_key = public_key(keys.log_public)
    with stack.vault.connect("vault") as connection:
        found = connection.execute(_LOG).fetchone()
        if found is None:
            raise NoteRefused("there is no log")
        epoch, origin, lines, acknowledged = found
        newest = connection.execute(_CHECKPOINT, (epoch,)).fetchone()
        witnessed = connection.execute(_COSIGNED, (epoch, NAME)).fetchone()
        note: str | None = None if witnessed is None else witnessed[0]
        cosigned = None if note is None else open_checkpoint(note, origin, log_key)
        after = 0 if cosigned is None else cosigned.size
        waiting = connection.execute(_WAITING, (epoch, after)).fetchone()
    return Told(
        epoch=epoch,
        origin=origin,
        lines=lines,
        acknowledged=acknowledged,
        signed=None if newest is None else open_checkpoint(newest[0], origin, log_key),
        signed_at=None if newest is None else newest[1],
        cosigned=cosigned,
        cosigned_at=None if note is None else datetime.fromtimestamp(verify_cosignature(note, cosigner), UTC),
        note=note,
        waiting_since=None if waiting is None else waiting[0],
    )


def verify_lines(stack: EmbeddedStack, told: Told) -> None:
    """Hash every line up to what was cosigned. Raises LinesRefused."""
    if told.cosigned is None:
        raise LinesRefused("nothing is cosigned yet")
    with (
        stack.vault.connect("vault") as connection,
        connection.transaction(),
        connection.cursor("lines") as cursor,
    ):
        cursor.execute(_LINES, (told.epoch, told.cosigned.size))
        check_lines((row[0] for row in cursor), told.cosigned)


def as_values(told: Told) -> dict[str, Any]:
    """For people and programs."""
    now = datetime.now(UTC)
    return {
        "log": told.origin,
        "lines": told.lines,
        "acknowledged": told.acknowledged,
        "signed": None if told.signed is None else told.signed.size,
        "root": None if told.signed is None else told.signed.root.hex(),
        "signed_at": None if told.signed_at is None else told.signed_at.isoformat(timespec="seconds"),
        "witness": NAME,
        "cosigned": None if told.cosigned is None else told.cosigned.size,
        "cosigned_at": None if told.cosigned_at is None else told.cosigned_at.isoformat(),
        "age_seconds": None if told.cosigned_at is None else round((now - told.cosigned_at).total_seconds()),
        "late": told.late,
    }
