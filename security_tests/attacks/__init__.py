"""One attack at least for each threat of threats.md."""
