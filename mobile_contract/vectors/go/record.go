package vectors

import "encoding/binary"

// A record under its data key: 0x01 ‖ nonce 12 ‖ ciphertext.

const recordHead = 1 + 12

// recordPlace is what a record's octets are bound to.
type recordPlace struct {
	Tenant, Record, Schema string
	Class                  byte
	Version                uint64
}

func (p recordPlace) associated() []byte {
	text := append(lp("ioc-vault/record/v1", p.Tenant), p.Class)
	text = append(text, uuidOctets(p.Record)...)
	return append(binary.BigEndian.AppendUint64(text, p.Version), lp(p.Schema)...)
}

func openRecord(sealed, dataKey []byte, of recordPlace) ([]byte, error) {
	if len(sealed) < recordHead+tagLength || sealed[0] != 1 {
		return nil, errMalformed
	}
	content, err := gcm(dataKey).Open(nil, sealed[1:recordHead], sealed[recordHead:], of.associated())
	if err != nil {
		return nil, errMalformed
	}
	return content, nil
}

func sealRecord(content, dataKey, nonce []byte, of recordPlace) []byte {
	return gcm(dataKey).Seal(append([]byte{1}, nonce...), nonce, content, of.associated())
}
