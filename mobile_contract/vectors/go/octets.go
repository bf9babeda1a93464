// Package vectors reads the contract's test vectors with Go's own cryptography: a second reading of each format.
package vectors

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// errMalformed is what a reader says of octets or text that a format does not write.
var errMalformed = errors.New("not as the format writes it")

// octets are hexadecimal in the vectors.
type octets []byte

// UnmarshalJSON reads hexadecimal text.
func (o *octets) UnmarshalJSON(text []byte) error {
	var written string
	if err := json.Unmarshal(text, &written); err != nil {
		return err
	}
	read, err := hex.DecodeString(written)
	*o = read
	return err
}

// lp is a u16 length and the octets.
func lp(parts ...string) []byte {
	var whole []byte
	for _, part := range parts {
		whole = binary.BigEndian.AppendUint16(whole, uint16(len(part)))
		whole = append(whole, part...)
	}
	return whole
}

func b64u(o []byte) string {
	return base64.RawURLEncoding.EncodeToString(o)
}

// unb64u reads base64url without padding, exactly as b64u writes it.
func unb64u(text string) ([]byte, error) {
	read, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || b64u(read) != text {
		return nil, errMalformed
	}
	return read, nil
}

// unb64 reads standard base64, exactly as it is written.
func unb64(text string) ([]byte, error) {
	read, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(read) != text {
		return nil, errMalformed
	}
	return read, nil
}

// flipped is a copy with one octet changed.
func flipped(o []byte, at int, with byte) []byte {
	changed := append([]byte(nil), o...)
	changed[at] ^= with
	return changed
}

// uuidOctets are the 16 octets of a UUID's text.
func uuidOctets(text string) []byte {
	read, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	must(err)
	return read
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprint("the vectors themselves are broken: ", err))
	}
}
