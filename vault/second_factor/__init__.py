"""The vault's own second factor (docs/decisions/0056-second-factor.md): a TOTP, on another device."""
