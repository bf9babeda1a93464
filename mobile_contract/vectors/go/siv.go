package vectors

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
)

// AES-SIV (RFC 5297), which Go's library lacks: S2V over AES-CMAC, then AES-CTR.

const block = aes.BlockSize

// sealSIV encrypts under a 64-octet key; the result is the synthetic IV and the ciphertext.
func sealSIV(key, plain []byte, associated ...[]byte) []byte {
	iv := s2v(key[:len(key)/2], plain, associated)
	return append(iv, counted(key[len(key)/2:], iv, plain)...)
}

// openSIV refuses what sealSIV did not make.
func openSIV(key, sealed []byte, associated ...[]byte) ([]byte, error) {
	if len(sealed) < block {
		return nil, errMalformed
	}
	plain := counted(key[len(key)/2:], sealed[:block], sealed[block:])
	if subtle.ConstantTimeCompare(s2v(key[:len(key)/2], plain, associated), sealed[:block]) != 1 {
		return nil, errMalformed
	}
	return plain, nil
}

func counted(key, iv, text []byte) []byte {
	aesBlock, err := aes.NewCipher(key)
	must(err)
	first := append([]byte(nil), iv...)
	first[8] &= 0x7f
	first[12] &= 0x7f
	result := make([]byte, len(text))
	cipher.NewCTR(aesBlock, first).XORKeyStream(result, text)
	return result
}

// s2v is RFC 5297, 2.4.
func s2v(key, plain []byte, associated [][]byte) []byte {
	d := cmac(key, make([]byte, block))
	for _, part := range associated {
		d = xored(doubled(d), cmac(key, part))
	}
	if len(plain) >= block {
		last := append([]byte(nil), plain...)
		subtle.XORBytes(last[len(last)-block:], last[len(last)-block:], d)
		return cmac(key, last)
	}
	padded := append(append([]byte(nil), plain...), 0x80)
	padded = append(padded, make([]byte, block-len(padded))...)
	return cmac(key, xored(doubled(d), padded))
}

// cmac is RFC 4493.
func cmac(key, message []byte) []byte {
	aesBlock, err := aes.NewCipher(key)
	must(err)
	mask := make([]byte, block)
	aesBlock.Encrypt(mask, mask)
	mask = doubled(mask)
	whole := len(message) > 0 && len(message)%block == 0
	padded := append([]byte(nil), message...)
	if !whole {
		mask = doubled(mask)
		padded = append(padded, 0x80)
		padded = append(padded, make([]byte, (block-len(padded)%block)%block)...)
	}
	subtle.XORBytes(padded[len(padded)-block:], padded[len(padded)-block:], mask)
	mac := make([]byte, block)
	for ; len(padded) > 0; padded = padded[block:] {
		subtle.XORBytes(mac, mac, padded[:block])
		aesBlock.Encrypt(mac, mac)
	}
	return mac
}

// doubled is multiplication by x in GF(2^128).
func doubled(o []byte) []byte {
	result := make([]byte, block)
	for at := range result {
		result[at] = o[at] << 1
		if at+1 < block {
			result[at] |= o[at+1] >> 7
		}
	}
	result[block-1] ^= 0x87 * (o[0] >> 7)
	return result
}

func xored(one, other []byte) []byte {
	result := make([]byte, block)
	subtle.XORBytes(result, one, other)
	return result
}
