"""How a decision refuses, and how a folder of policies is refused."""

from foundation.errors import Forbidden


class PolicyInvalid(Exception):
    """The schema or a policy can't be used. Raised at start: a service with unsound policies does not run."""


class PolicyRefusal(Forbidden):
    """Either of the two below. `resource_id` is set when many were decided at once."""

    resource_id: str | None = None


class PolicyDenied(PolicyRefusal):
    """The policies say no. `policies` are the forbids that applied; empty when nothing permitted."""

    def __init__(self, policies: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.policies = policies


class PolicyErrored(PolicyRefusal):
    """The decision could not be made soundly, so it is no. `reason` is for the log, never for the client."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
