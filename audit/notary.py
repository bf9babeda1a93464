"""Builds the log's tree, signs a checkpoint each second while there are new lines, and has it cosigned.

It works beside the shipping (audit/relay.py), on a connection of its own: neither the SOC nor the witness
holds up the other. Nothing is forgotten when it ends: the tree is in tiles, what was signed is stored, and
the witness says what it has.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import structlog

from audit.checkpoints import Cosigned, NoteSigner, Signed, TreeKeeper
from audit.log import LogError
from audit.relay import STANDBY_SECONDS, Backoff, Connect
from audit.witnesses import Cosignature, Witness, WitnessAway, WitnessError, WitnessKnows
from foundation.clock import Clock
from foundation.telemetry import metrics

log = structlog.get_logger()

BATCH = 1024
REFRESH = timedelta(minutes=1)
"""An idle log is cosigned again so often: that a cosignature is fresh says that nothing followed."""


def _nothing() -> None:
    """For those who don't watch."""


class Notary:
    """`run` until cancelled, or until the log is found changed."""

    def __init__(
        self,
        connect: Connect,
        signer: NoteSigner,
        witness: Witness,
        clock: Clock,
        *,
        poll_seconds: float,
        interval_seconds: float = 1.0,
        refresh: timedelta = REFRESH,
    ) -> None:
        self._connect = connect
        self._signer = signer
        self._witness = witness
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._interval_seconds = interval_seconds
        self._refresh = refresh
        self._backoff = Backoff()
        self._asking: asyncio.Task[Cosignature] | None = None
        self._asked: Signed | None = None
        self._known: int = 0
        self._signed: Signed | None = None
        self._signed_at = 0.0
        self._cosigned: Cosigned | None = None
        self.on_turn: Callable[[], None] = _nothing
        """Called whenever a round is done."""
        self.database_away = True
        self.witness_away = False
        """Whether the witness gave nothing when it was last asked."""
        self.log_changed = False
        """Whether the log is another one than was signed: then nothing is signed any more."""

    async def run(self) -> None:
        """Serve for ever, waiting for a database that is away. Raises LogError: the log is not as signed."""
        backoff = Backoff()
        while True:
            try:
                connection = await self._connect()
                try:
                    backoff.succeeded()
                    self.database_away = False
                    await self._serve(connection)
                finally:
                    await self._stop_asking()
                    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                        await connection.close(timeout=2)
            except LogError:
                self.log_changed = True
                metrics.CHECKPOINT_FAULT.set(1)
                raise
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                self.database_away = True
                self.on_turn()
                pause = backoff.failed()
                log.error("database_unreachable", error=type(error).__name__, retry_in=pause)
                await asyncio.sleep(pause)

    async def _serve(self, connection: asyncpg.Connection) -> None:
        while not await TreeKeeper.try_to_lock(connection):
            self.on_turn()
            await asyncio.sleep(STANDBY_SECONDS)
        tree = await TreeKeeper.open(connection)
        while await tree.extend(BATCH) == BATCH:
            self.on_turn()
        self._signed = await tree.newest()
        self._cosigned = await tree.cosigned(self._witness.cosigner.name)
        self._known = 0 if self._cosigned is None else self._cosigned.size
        log.info("notary_signing", origin=tree.origin, size=tree.size)
        while True:
            self.on_turn()
            added = await tree.extend(BATCH)
            if added < BATCH:
                await self._sign(tree)
                await self._have_cosigned(tree)
                self._tell()
                await asyncio.sleep(self._poll_seconds)

    async def _sign(self, tree: TreeKeeper) -> None:
        """At most one checkpoint an interval, and none over nothing new."""
        signed = 0 if self._signed is None else self._signed.checkpoint.size
        if tree.size > signed and time.monotonic() - self._signed_at >= self._interval_seconds:
            self._signed = await tree.sign(self._signer)
            self._signed_at = time.monotonic()

    async def _have_cosigned(self, tree: TreeKeeper) -> None:
        if self._asking is not None:
            if not self._asking.done():
                return
            await self._take(tree, self._asking)
            self._asking = None
        if self._signed is None or not self._backoff.over or not self._wanted(self._signed):
            return
        size = self._signed.checkpoint.size
        if self._known > size:
            self._refused(WitnessKnows(self._known))
            return
        proof = await tree.consistency(self._known, size)
        self._asked = self._signed
        self._asking = asyncio.create_task(
            self._witness.add_checkpoint(self._known, proof, self._signed.note)
        )

    def _wanted(self, signed: Signed) -> bool:
        if self._cosigned is None or self._cosigned.size < signed.checkpoint.size:
            return True
        return self._clock.now() - self._cosigned.at >= self._refresh

    async def _take(self, tree: TreeKeeper, asking: "asyncio.Task[Cosignature]") -> None:
        if self._asked is None:
            raise RuntimeError("nothing was asked")
        size = self._asked.checkpoint.size
        try:
            found = asking.result()
        except WitnessKnows as error:
            # After a restart on either side, or an answer that got lost: asked again from there, at once.
            self._known = error.size
        except WitnessAway as error:
            self._away(error)
        except WitnessError as error:
            self._refused(error)
        else:
            await tree.store_cosignature(size, self._witness.cosigner.name, found.at, found.line)
            self._known = size
            self._cosigned = Cosigned(size, found.at)
            self._backoff.succeeded()
            metrics.WITNESS_REFUSES.set(0)
            if self.witness_away:
                log.info("witness_reached", size=size)
                self.witness_away = False

    def _away(self, error: WitnessError) -> None:
        pause = self._backoff.failed()
        if not self.witness_away:
            log.error("witness_unreachable", error=str(error), retry_in=pause)
        self.witness_away = True

    def _refused(self, error: WitnessError) -> None:
        """The witness has seen another log: a fork, or a database of before. A person decides."""
        pause = self._backoff.failed()
        self.witness_away = True
        metrics.WITNESS_REFUSES.set(1)
        log.critical("witness_refuses", error=str(error), retry_in=pause)

    def _tell(self) -> None:
        if self._signed is not None:
            metrics.CHECKPOINT_SIZE.set(self._signed.checkpoint.size)
        if self._cosigned is not None:
            metrics.COSIGNED_SIZE.set(self._cosigned.size)
            metrics.COSIGNED_AT.set(self._cosigned.at.timestamp())

    async def _stop_asking(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
            self._asking = None
