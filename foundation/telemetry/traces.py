"""Traces: placeholder until the exporter is configured."""


def current_trace() -> str | None:
    """The id of the trace that is being recorded here, if any."""
    return None
