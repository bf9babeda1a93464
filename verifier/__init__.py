"""What a stranger installs to check our logs: it needs Python and `cryptography`, and nothing of ours.

merkle.py       RFC 6962: hashes, roots, inclusion and consistency proofs
notes.py        signed notes (C2SP signed-note)
checkpoints.py  checkpoints and cosignatures (C2SP tlog-checkpoint, tlog-cosignature)
keys.py         keys from files
receipts.py     entries of the public log of receipts
lines.py        a file of lines against a cosigned checkpoint: `python -m verifier.lines`
witness.py      a witness (C2SP tlog-witness): `python -m verifier.witness`
"""
