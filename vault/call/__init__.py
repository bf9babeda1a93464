"""The call: sealed octets in, sealed octets out. Formats: `mobile_contract/vault/README.md`.

Both ends of a format stand in one module: what the vault refuses is what the client never makes.
"""
