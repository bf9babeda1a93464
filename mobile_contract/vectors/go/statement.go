package vectors

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
)

// Statements of authority: JWS General JSON (RFC 7515, 7.2.1) in one form of the octets.

type statement struct {
	Payload    string               `json:"payload"`
	Signatures []statementSignature `json:"signatures"`
}

type statementSignature struct {
	Protected string `json:"protected"`
	Signature string `json:"signature"`
}

type statementHeader struct {
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Typ string `json:"typ"`
}

// keyring checks a signature over a signing input by the key of this id.
type keyring map[string]func(signed, signature []byte) bool

// rootThumbprint is the key id of an offline root (RFC 8037, 2; RFC 7638).
func rootThumbprint(key []byte) string {
	hash := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + b64u(key) + `"}`))
	return b64u(hash[:])
}

// openStatement is the payload of exactly these octets, and the ids of the keys that signed it.
// Whether they may say what they say is not asked here.
func openStatement(text []byte, keys keyring, algorithm string) (payload []byte, signers []string, err error) {
	var read statement
	if len(text) > 32<<10 || json.Unmarshal(text, &read) != nil || len(read.Signatures) < 1 || len(read.Signatures) > 4 {
		return nil, nil, errMalformed
	}
	if written, err := json.Marshal(read); err != nil || !bytes.Equal(written, text) {
		return nil, nil, errMalformed
	}
	if payload, err = unb64u(read.Payload); err != nil {
		return nil, nil, err
	}
	known := map[string]bool{}
	for _, one := range read.Signatures {
		kid, err := one.signer(read.Payload, keys, algorithm)
		if err != nil || known[kid] {
			return nil, nil, errMalformed
		}
		known[kid] = true
		signers = append(signers, kid)
	}
	return payload, signers, nil
}

func (s statementSignature) signer(payload string, keys keyring, algorithm string) (string, error) {
	protected, err := unb64u(s.Protected)
	if err != nil {
		return "", err
	}
	var header statementHeader
	decoder := json.NewDecoder(bytes.NewReader(protected))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&header) != nil || header.Alg != algorithm || header.Typ != "ioc-statement" {
		return "", errMalformed
	}
	signature, err := unb64u(s.Signature)
	verify := keys[header.Kid]
	if err != nil || len(signature) != 64 || verify == nil || !verify([]byte(s.Protected+"."+payload), signature) {
		return "", errMalformed
	}
	return header.Kid, nil
}

// headAfter is the chain's head behind this statement; the genesis has none before it.
func headAfter(head, text []byte) []byte {
	hash := sha256.Sum256(text)
	if head == nil {
		return hash[:]
	}
	next := sha256.Sum256(append(append([]byte(nil), head...), hash[:]...))
	return next[:]
}

func (k keyring) addRoot(key []byte) {
	k[rootThumbprint(key)] = func(signed, signature []byte) bool { return ed25519.Verify(key, signed, signature) }
}

func (k keyring) addDevice(key jwk) {
	k[key.thumbprint()] = func(signed, signature []byte) bool { return key.verify(signed, signature) == nil }
}
