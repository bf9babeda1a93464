"""The device's proof of a call: RFC 9449 with the vault's nonce and the digest of the exact octets."""

from datetime import datetime

from foundation.identity import body_proofs, jose
from foundation.identity.challenges import ProofInvalid, ProofTooOld
from foundation.identity.proofs import Proof, verify_proof
from vault.call.errors import Unauthenticated, UseNonce
from vault.call.nonces import Nonces


def verify_call(
    proof: str, *, url: str, token: str, jkt: str, frame: bytes, nonces: Nonces, now: datetime
) -> Proof:
    """The proof of a POST of `frame` to `url`. Whether it is new the database says.

    Raises Unauthenticated; UseNonce for a proof that is good but for its nonce.
    """
    try:
        good = verify_proof(proof, method="POST", url=url, token=token, jkt=jkt, now=now)
        body_proofs.check_body(proof, frame)
    except (ProofInvalid, ProofTooOld, body_proofs.DigestRequired) as error:
        raise Unauthenticated from error
    # The signature was checked above, so these are the device's own claims.
    if not nonces.knows(jose.unverified_payload_of(proof).get("nonce"), now):
        raise UseNonce
    return good
