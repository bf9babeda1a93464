"""What the GraphQL tests send and the api takes is sent through the real edge, too: its rules must let it by.

The api itself stands in this process, so that tests see its inside; behind the edge here stands a server that
only says that it was reached.
"""

import httpx

from tests.edge.rig import Rig

LEFT_OUT = {"host", "content-length", "connection", "accept-encoding", "user-agent", "transfer-encoding"}
"""Headers that the edge's client writes itself."""


class ThroughEdge:
    """Repeats requests at an edge. Those that did not come through are kept in `stopped`."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._client = rig.client()
        self.sent = 0
        self.stopped: list[str] = []

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def repeat(self, response: httpx.Response) -> None:
        """A hook of httpx: sends the answered request again, if the api took it."""
        request = response.request
        if response.status_code >= httpx.codes.BAD_REQUEST:
            return
        headers = [(name, value) for name, value in request.headers.multi_items() if name not in LEFT_OUT]
        answer = self._client.request(
            request.method,
            self._rig.url + request.url.raw_path.decode("ascii"),
            headers=headers,
            content=request.read(),
        )
        self.sent += 1
        reached = request.method == "HEAD" or "reached" in answer.text
        if answer.is_error or not reached:
            asked = f"{request.method} {request.url} {request.read()[:300]!r}"
            self.stopped.append(f"{answer.status_code} {asked}")
