"""How a failed job is tried again: one way, for the jobs of all features."""

import procrastinate

RETRY = procrastinate.RetryStrategy(max_attempts=11, exponential_wait=2)
"""After 2, 4, 8 … 2,048 s (`exponential_wait ** (tries that failed)`), given up after 68 minutes.

What still fails then stays in the queue as failed, and an alarm says so (JobsGivenUp).
"""
WHILE_FRESH = procrastinate.RetryStrategy(max_attempts=16, exponential_wait=2)
"""The same for what ends by itself when it is too old, as a text message does after 12 hours at most."""
