"""What operators see of a running system: metrics, traces, and logs without secrets and persons."""
