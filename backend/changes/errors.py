"""How a subscription ends against its subscriber's will. No refusals: the client resumes by cursor."""


class TooSlow(Exception):
    """The subscriber did not read in time. It was dropped; its cursor tells where to go on."""


class SessionOver(Exception):
    """The subscriber's session ended."""


class TokenOver(SessionOver):
    """The subscriber's token ran out. The session may live, and a refreshed token follow on."""
