"""How a subscription ends against its subscriber's will. No refusals: the client resumes by cursor."""


class TooSlow(Exception):
    """The subscriber did not read in time. It was dropped; its cursor tells where to go on."""


class SessionOver(Exception):
    """The subscriber's session or token ended."""
