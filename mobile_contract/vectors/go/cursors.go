package vectors

import (
	"encoding/binary"
	"errors"
	"time"
)

const (
	kindMoment = 1
	kindName   = 2
	cursorLife = 90 * 24 * time.Hour
)

var errExpired = errors.New("older than 90 days, or of another epoch")

// place is where a cursor is good: one field, one person, one epoch of the log.
type place struct {
	Key             octets
	Epoch           uint32
	Field, Iss, Sub string
}

func (p place) associated() []byte {
	return lp(p.Field, p.Iss, p.Sub)
}

// open is the position in a cursor of this kind.
func (p place) open(kind byte, cursor string, now time.Time) ([]byte, error) {
	sealed, err := unb64u(cursor)
	if err != nil || len(sealed) == 0 || sealed[0] != 1 {
		return nil, errMalformed
	}
	plain, err := openSIV(p.Key, sealed[1:], p.associated())
	if err != nil || len(plain) < 9 || plain[0] != kind {
		return nil, errMalformed
	}
	issued := time.Unix(int64(binary.BigEndian.Uint32(plain[5:])), 0)
	if binary.BigEndian.Uint32(plain[1:]) != p.Epoch || now.Sub(issued) > cursorLife {
		return nil, errExpired
	}
	return plain[9:], nil
}

// seal is the cursor of a position.
func (p place) seal(kind byte, issued time.Time, position []byte) string {
	plain := binary.BigEndian.AppendUint32([]byte{kind}, p.Epoch)
	plain = binary.BigEndian.AppendUint32(plain, uint32(issued.Unix()))
	return b64u(append([]byte{1}, sealSIV(p.Key, append(plain, position...), p.associated())...))
}
