package vectors

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"strings"
)

// The vault's call: mobile_contract/vault/README.md.

const (
	kidLength      = 8
	headLength     = 1 + 6 + kidLength
	enclosed       = 1120
	answerKey      = 32
	operationID    = 16
	answerHead     = 1 + 32
	tagLength      = 16
	largestRequest = 64 << 10
	largestAnswer  = 256 << 10
)

var suite = []byte{0x64, 0x7a, 0, 1, 0, 2}

// binding is what a request belongs to: from the verified token and proof.
type binding struct{ Iss, Sub, Sid, Jkt, Ath, Jti string }

func (b binding) info(kid []byte) []byte {
	return lp("ioc-vault/request/v1", string(suite), string(kid), b.Iss, b.Sub, b.Sid, b.Jkt, b.Ath, b.Jti)
}

// opened is a request as its device made it.
type opened struct{ answerKey, operationID, json []byte }

// kidOf is a key's id: the first 8 octets of SHA-256(suite ‖ key).
func kidOf(public []byte) []byte {
	hash := sha256.Sum256(append(append([]byte(nil), suite...), public...))
	return hash[:kidLength]
}

// requestKey is the vault's key of a 32-octet seed.
func requestKey(seed []byte) (hpke.PrivateKey, error) {
	return hpke.MLKEM768X25519().NewPrivateKey(seed)
}

// openRequest is the vault's half.
func openRequest(frame []byte, of binding, key hpke.PrivateKey) (opened, error) {
	kid := kidOf(key.PublicKey().Bytes())
	head := append(append([]byte{1}, suite...), kid...)
	if len(frame) <= headLength+enclosed || len(frame) > largestRequest || paddedLength(len(frame)) != len(frame) {
		return opened{}, errMalformed
	}
	if !bytes.HasPrefix(frame, head) {
		return opened{}, errMalformed
	}
	plain, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), of.info(kid), frame[headLength:])
	if err != nil || len(plain) < answerKey+operationID {
		return opened{}, errMalformed
	}
	json, err := jsonInside(plain[answerKey+operationID:])
	return opened{plain[:answerKey], plain[answerKey : answerKey+operationID], json}, err
}

// sealRequest is the device's half.
func sealRequest(public []byte, of binding, content opened) ([]byte, error) {
	key, err := hpke.MLKEM768X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	kid := kidOf(public)
	plain := inside(append(append([]byte(nil), content.answerKey...), content.operationID...), content.json,
		headLength+enclosed+tagLength)
	sealed, err := hpke.Seal(key, hpke.HKDFSHA256(), hpke.AES256GCM(), of.info(kid), plain)
	return bytes.Join([][]byte{{1}, suite, kid, sealed}, nil), err
}

// openAnswer is the device's half: the JSON of the answer to exactly these request octets.
func openAnswer(answer, key, request []byte) ([]byte, error) {
	if len(answer) <= answerHead+tagLength || len(answer) > largestAnswer || answer[0] != 1 {
		return nil, errMalformed
	}
	aead, nonce := answerCipher(key, request, answer[1:answerHead])
	plain, err := aead.Open(nil, nonce, answer[answerHead:], answer[:answerHead])
	if err != nil {
		return nil, errMalformed
	}
	return jsonInside(plain)
}

// sealAnswer is the vault's half; `r` is fresh random octets.
func sealAnswer(key, request, r, json []byte) []byte {
	aead, nonce := answerCipher(key, request, r)
	head := append([]byte{1}, r...)
	return aead.Seal(append([]byte(nil), head...), nonce, inside(nil, json, answerHead+tagLength), head)
}

func answerCipher(key, request, r []byte) (cipher.AEAD, []byte) {
	hash := sha256.Sum256(request)
	salt := append(hash[:], r...)
	derived, err := hkdf.Key(sha256.New, key, salt, "ioc-vault/answer/v1", 44)
	must(err)
	return gcm(derived[:32]), derived[32:]
}

// paddedLength is the length of a whole frame that needs `length` octets: 4, 16, 64, 256 KiB, then Padmé.
func paddedLength(length int) int {
	for step := 4 << 10; step <= 256<<10; step *= 4 {
		if length <= step {
			return step
		}
	}
	exponent := bits.Len(uint(length)) - 1
	mask := 1<<(exponent-bits.Len(uint(exponent))) - 1
	return (length + mask) &^ mask
}

// inside is `head`, u32 length, JSON, zeros.
func inside(head, json []byte, around int) []byte {
	filled := binary.BigEndian.AppendUint32(append([]byte(nil), head...), uint32(len(json)))
	filled = append(filled, json...)
	return append(filled, make([]byte, paddedLength(around+len(filled))-around-len(filled))...)
}

func jsonInside(o []byte) ([]byte, error) {
	if len(o) < 4 || uint64(len(o)) < 4+uint64(binary.BigEndian.Uint32(o)) {
		return nil, errMalformed
	}
	end := 4 + int(binary.BigEndian.Uint32(o))
	if strings.Trim(string(o[end:]), "\x00") != "" {
		return nil, errMalformed
	}
	return o[4:end], nil
}
