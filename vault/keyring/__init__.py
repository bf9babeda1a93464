"""The vault's keys: data keys under epoch keys, those under keys that never leave the vault's own OpenBao."""
