package vectors

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

type lineVectors struct {
	About string
	Lines []struct {
		Name, Origin, Salt, Line, Leaf, LeafHash string
		ProductVersion, EventID, Pseudonym       string
		At                                       time.Time
		Sequence                                 int64
		Principal, Event, Refusal                json.RawMessage
	}
	Pseudonyms []struct {
		Name, Iss, Sub, Pseudonym string
		Key                       octets
	}
	Quarters []struct {
		At      time.Time
		Quarter string
	}
}

// line is what a checker of the log reads of each.
type line struct {
	Time     int64
	Metadata struct {
		UID      string
		LogName  string `json:"log_name"`
		Sequence *int64
	}
	Unmapped struct {
		V    int
		Salt string
	}
}

// Who wrote the line and what it says is the recorder's; a checker reads its octets, its place and its leaf.
func readLines(t *testing.T, text []byte) {
	v := parsed[lineVectors](t, text)
	for _, each := range v.Lines {
		sequenced := fmt.Sprintf(`,"sequence":%d}}`, each.Sequence)
		equal(t, each.Name, strings.TrimSuffix(each.Line, "}}")+sequenced, each.Leaf)
		hash := sha256.Sum256(append([]byte{0}, each.Leaf...))
		equal(t, each.Name, hex.EncodeToString(hash[:]), each.LeafHash)
		var read line
		must(json.Unmarshal([]byte(each.Leaf), &read))
		equal(t, each.Name, read.Time, each.At.UnixMilli())
		equal(t, each.Name, read.Metadata.UID, each.EventID)
		equal(t, each.Name, read.Metadata.LogName, each.Origin)
		equal(t, each.Name, *read.Metadata.Sequence, each.Sequence)
		salt, err := unb64u(read.Unmapped.Salt)
		must(err)
		equal(t, each.Name, hex.EncodeToString(salt), each.Salt)
		equal(t, each.Name, read.Unmapped.V, 1)
	}
	for _, each := range v.Pseudonyms {
		mac := hmac.New(sha256.New, each.Key)
		mac.Write([]byte(each.Iss + "\n" + each.Sub))
		short := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:16])
		equal(t, each.Name, short, each.Pseudonym)
	}
	for _, each := range v.Quarters {
		local := each.At.In(time.FixedZone("Asia/Ho_Chi_Minh", 7*3600))
		equal(t, each.Quarter, fmt.Sprintf("%dQ%d", local.Year(), (int(local.Month())+2)/3), each.Quarter)
	}
}
