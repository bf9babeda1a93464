package vectors

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
)

// jwk is a P-256 public key as RFC 7517 writes it; the order of members is RFC 7638's.
type jwk struct {
	Crv string `json:"crv"`
	Kty string `json:"kty"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

// thumbprint is the device's id.
func (k jwk) thumbprint() string {
	text, err := json.Marshal(k)
	must(err)
	hash := sha256.Sum256(text)
	return b64u(hash[:])
}

func (k jwk) public() (*ecdsa.PublicKey, error) {
	x, err := unb64u(k.X)
	if err != nil {
		return nil, err
	}
	y, err := unb64u(k.Y)
	if err != nil || k.Kty != "EC" || k.Crv != "P-256" || len(x) != 32 || len(y) != 32 {
		return nil, errMalformed
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
}

// openJWS verifies a compact JWS by ES256 (RFC 7515) and reads its claims into `claims`.
func openJWS(compact string, key jwk, claims any) error {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return errMalformed
	}
	signature, err := unb64u(parts[2])
	if err != nil {
		return err
	}
	payload, err := unb64u(parts[1])
	if err != nil {
		return err
	}
	if err := key.verify([]byte(parts[0]+"."+parts[1]), signature); err != nil {
		return err
	}
	return json.Unmarshal(payload, claims)
}

// verify checks ES256 (RFC 7518, 3.4): r ‖ s over SHA-256.
func (k jwk) verify(signed, signature []byte) error {
	public, err := k.public()
	if err != nil || len(signature) != 64 {
		return errMalformed
	}
	hash := sha256.Sum256(signed)
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(public, hash[:], r, s) {
		return errMalformed
	}
	return nil
}

// digestOf is the claim over a body's exact octets (RFC 9530).
func digestOf(body []byte) string {
	hash := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(hash[:]) + ":"
}

// athOf is the claim over a token (RFC 9449).
func athOf(token string) string {
	hash := sha256.Sum256([]byte(token))
	return b64u(hash[:])
}
