package vectors

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// A record's data key under its epoch key: 0x01 ‖ epoch u32 ‖ nonce 12 ‖ ciphertext 48.

const (
	dataKeyHead   = 1 + 4
	dataKeyLength = dataKeyHead + 12 + 32 + tagLength
)

// epochKey names the key of a tenant's class in one epoch.
type epochKey struct {
	Tenant string
	Class  byte
	Epoch  uint32
}

// context is what the epoch key itself was derived and wrapped for.
func (e epochKey) context() []byte {
	return e.named(lp("ioc-vault/epochkey/v1", e.Tenant))
}

// associated is what a data key of this record is bound to.
func (e epochKey) associated(record []byte) []byte {
	return append(e.named(lp("ioc-vault/datakey/v1", e.Tenant)), record...)
}

func (e epochKey) named(head []byte) []byte {
	return binary.BigEndian.AppendUint32(append(head, e.Class), e.Epoch)
}

// openDataKey is the data key of this record, which only this class and epoch of this tenant opens.
func openDataKey(envelope, key []byte, of epochKey, record []byte) ([]byte, error) {
	if len(envelope) != dataKeyLength || envelope[0] != 1 || binary.BigEndian.Uint32(envelope[1:]) != of.Epoch {
		return nil, errMalformed
	}
	nonce, sealed := envelope[dataKeyHead:dataKeyHead+12], envelope[dataKeyHead+12:]
	plain, err := gcm(key).Open(nil, nonce, sealed, of.associated(record))
	if err != nil {
		return nil, errMalformed
	}
	return plain, nil
}

func sealDataKey(key, nonce, dataKey []byte, of epochKey, record []byte) []byte {
	head := append(binary.BigEndian.AppendUint32([]byte{1}, of.Epoch), nonce...)
	return gcm(key).Seal(head, nonce, dataKey, of.associated(record))
}

func gcm(key []byte) cipher.AEAD {
	aesBlock, err := aes.NewCipher(key)
	must(err)
	aead, err := cipher.NewGCM(aesBlock)
	must(err)
	return aead
}
