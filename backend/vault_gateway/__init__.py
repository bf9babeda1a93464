"""The way to the vault: octets in, octets out. Nothing here knows what they hold."""
