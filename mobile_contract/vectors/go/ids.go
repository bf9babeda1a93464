package vectors

import "strings"

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var lookalikes = strings.NewReplacer("I", "1", "L", "1", "O", "0", "-", "", " ", "")

// reportCode is the canonical code behind what a person typed.
func reportCode(typed string) (string, error) {
	code := lookalikes.Replace(strings.ToUpper(typed))
	if len(code) != 16 || strings.Trim(code, crockford) != "" {
		return "", errMalformed
	}
	return code, nil
}

// openID is the uuid of a global id of this type: b64u(0x01 ‖ AES-SIV(type ‖ uuid)).
func openID(key []byte, kind, id string) ([]byte, error) {
	sealed, err := unb64u(id)
	if err != nil || len(sealed) == 0 || sealed[0] != 1 {
		return nil, errMalformed
	}
	plain, err := openSIV(key, sealed[1:])
	if err != nil || len(plain) < 16 || string(plain[:len(plain)-16]) != kind {
		return nil, errMalformed
	}
	return plain[len(plain)-16:], nil
}
