"""Who may do what in the vault: signed statements in one chain from a genesis that both offline roots signed.

A database administrator can add rows, not authority.
"""
