"""How often the audit log has counted a refusal of somebody who proved nothing."""

import itertools
import time

from security_tests.attacks.identity.conftest import ForgedWorld

_PATIENCE_SECONDS = 60
_COUNT = "SELECT coalesce(sum(count), 0) FROM audit.refusal_count WHERE host(network) = %s AND reason = %s"
_numbers = itertools.count(1)


class Stranger:
    """Somebody in a network of his own, behind the edge."""

    def __init__(self) -> None:
        self.network = f"10.{next(_numbers)}.7.0"
        self.header = ("x-forwarded-for", self.network.removesuffix("0") + "9")

    def until_counted(self, forged: ForgedWorld, reason: str, wanted: int) -> int:
        """The count, once it is `wanted`; as it stands when that does not come. It is written each second."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        found = self._counted(forged, reason)
        while found != wanted and time.monotonic() < deadline:
            time.sleep(0.1)
            found = self._counted(forged, reason)
        return found

    def _counted(self, forged: ForgedWorld, reason: str) -> int:
        with forged.look() as connection:
            row = connection.execute(_COUNT, (self.network, reason)).fetchone()
        assert row is not None
        return int(row[0])
