"""Sealing under keys that lie outside this process: a data key a text, itself sealed by OpenBao's transit."""
