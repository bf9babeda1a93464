package vectors

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"
)

type statementVectors struct {
	Roots   []octets
	Devices map[string]struct {
		jwk
		D string
	}
	Statements []struct {
		Kind, Payload, Octets string
		Signers               []string
		Head                  octets
	}
	Refused []struct{ Name, Octets string }
}

func readStatements(t *testing.T, text []byte) {
	v := parsed[statementVectors](t, text)
	roots, devices := keyring{}, keyring{}
	for _, root := range v.Roots {
		roots.addRoot(root)
	}
	for _, device := range v.Devices {
		devices.addDevice(device.jwk)
	}
	var head []byte
	for at, each := range v.Statements {
		keys, algorithm := devices, "ES256"
		if at == 0 {
			keys, algorithm = roots, "Ed25519"
		}
		payload, signers, err := openStatement([]byte(each.Octets), keys, algorithm)
		if err != nil {
			t.Fatalf("%s: %v", each.Kind, err)
		}
		equal(t, each.Kind, string(payload), each.Payload)
		if !slices.Equal(signers, each.Signers) {
			t.Errorf("%s: signed by %v, not %v", each.Kind, signers, each.Signers)
		}
		var content struct {
			V    int
			Kind string
		}
		must(json.Unmarshal(payload, &content))
		equal(t, each.Kind, content.V, 1)
		equal(t, each.Kind, content.Kind, each.Kind)
		head = headAfter(head, []byte(each.Octets))
		equal(t, each.Kind, hex.EncodeToString(head), hex.EncodeToString(each.Head))
		for place := range []byte(each.Octets) {
			_, _, err := openStatement(flipped([]byte(each.Octets), place, 1), keys, algorithm)
			if err == nil {
				t.Errorf("%s: octet %d does not count", each.Kind, place)
			}
		}
		_, _, err = openStatement([]byte(each.Octets), keyring{}, algorithm)
		refuse(t, "a statement of unknown keys", err)
	}
	for _, each := range v.Refused {
		_, _, err := openStatement([]byte(each.Octets), devices, "ES256")
		refuse(t, each.Name, err)
	}
}
