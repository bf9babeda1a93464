package vectors

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

type cursorVectors struct {
	Format  string
	Moments []struct {
		place
		Name, ID, Cursor string
		Issued, At       time.Time
	}
	Names []struct {
		place
		Name, Cursor string
		NameKey      string `json:"name_key"`
		Number       int32
		Issued       time.Time
	}
	Refused []struct {
		place
		Name, Code, Cursor string
		Now                time.Time
	}
}

func readCursors(t *testing.T, text []byte) {
	v := parsed[cursorVectors](t, text)
	for _, each := range v.Moments {
		position := binary.BigEndian.AppendUint64(nil, uint64(each.At.UnixMicro()))
		position = append(position, uuidOctets(each.ID)...)
		agree(t, each.Name, each.place, kindMoment, each.Issued, position, each.Cursor)
	}
	for _, each := range v.Names {
		position := append(binary.BigEndian.AppendUint32(nil, uint32(each.Number)), each.NameKey...)
		agree(t, each.Name, each.place, kindName, each.Issued, position, each.Cursor)
	}
	for _, each := range v.Refused {
		position, err := each.open(kindMoment, each.Cursor, each.Now)
		if err == nil && len(position) != 24 {
			err = errMalformed
		}
		code := "common.invalid_input"
		if errors.Is(err, errExpired) {
			code = "changes.cursor_expired"
		}
		refuse(t, each.Name, err)
		equal(t, each.Name, code, each.Code)
	}
}

func agree(t *testing.T, name string, p place, kind byte, issued time.Time, position []byte, cursor string) {
	t.Helper()
	equal(t, name, p.seal(kind, issued, position), cursor)
	found, err := p.open(kind, cursor, issued)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	equal(t, name, string(found), string(position))
}
