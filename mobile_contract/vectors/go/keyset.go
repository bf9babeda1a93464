package vectors

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Which keys requests are sealed to: signed notes (C2SP signed-note) of two roots and the keyset key.

const (
	rootName    = "ioc.hanoi.gov.vn/vault/root"
	keysetName  = "ioc.hanoi.gov.vn/vault/keyset"
	longestLife = 48*time.Hour + 5*time.Minute
	moment      = "2006-01-02T15:04:05Z"
)

var (
	signatureLine = regexp.MustCompile(`^— ([^ +\n]+) ([A-Za-z0-9+/=]+)$`)
	versionText   = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)
)

// versions are the highest that an app has taken.
type versions struct{ certificate, keyset int64 }

// acceptKeyset is the app's half: the public keys that live, the first to be used.
func acceptKeyset(certificate, keyset string, roots [2][]byte, seen versions, now time.Time) ([][]byte, versions, error) {
	if bytes.Equal(roots[0], roots[1]) {
		return nil, seen, errMalformed
	}
	signed, err := noteText(certificate, rootName, roots[0], roots[1])
	if err != nil {
		return nil, seen, err
	}
	certified := strings.Split(signed, "\n")
	if len(certified) != 4 || certified[0] != "ioc-vault/keyset-key/v1" {
		return nil, seen, errMalformed
	}
	signer, err := unb64(certified[3])
	if err != nil || len(signer) != ed25519.PublicKeySize {
		return nil, seen, errMalformed
	}
	listed, err := noteText(keyset, keysetName, signer)
	if err != nil {
		return nil, seen, err
	}
	lines := strings.Split(listed, "\n")
	if len(lines) < 4 || len(lines) > 11 || lines[0] != "ioc-vault/keyset/v1" {
		return nil, seen, errMalformed
	}
	taken, err := versionsOf(certified, lines, seen, now)
	if err != nil {
		return nil, seen, err
	}
	keys, err := livingKeys(lines[3:], now)
	return keys, taken, err
}

func versionsOf(certified, lines []string, seen versions, now time.Time) (versions, error) {
	first, err := version(certified[1])
	if err != nil || first < seen.certificate {
		return seen, fmt.Errorf("certificate: %w", errMalformed)
	}
	second, err := version(lines[1])
	if err != nil || second < seen.keyset {
		return seen, fmt.Errorf("keyset: %w", errMalformed)
	}
	notAfter, err := time.Parse(moment, certified[2])
	if err != nil || !notAfter.After(now) {
		return seen, errMalformed
	}
	expires, err := time.Parse(moment, lines[2])
	if err != nil || !expires.After(now) || expires.After(now.Add(longestLife)) {
		return seen, errMalformed
	}
	return versions{first, second}, nil
}

func version(text string) (int64, error) {
	if !versionText.MatchString(text) {
		return 0, errMalformed
	}
	return strconv.ParseInt(text, 10, 64)
}

func livingKeys(lines []string, now time.Time) ([][]byte, error) {
	var living [][]byte
	for _, line := range lines {
		parts := strings.Split(line, " ")
		if len(parts) != 4 || parts[1] != hex.EncodeToString(suite) {
			return nil, errMalformed
		}
		public, err := unb64(parts[2])
		if err != nil || len(public) != 1216 || hex.EncodeToString(kidOf(public)) != parts[0] {
			return nil, errMalformed
		}
		notAfter, err := time.Parse(moment, parts[3])
		if err != nil {
			return nil, errMalformed
		}
		if notAfter.After(now) {
			living = append(living, public)
		}
	}
	if living == nil {
		return nil, errMalformed
	}
	return living, nil
}

// noteText is the text, without its last line end, of a note that every key signed once under `name`.
func noteText(note, name string, keys ...[]byte) (string, error) {
	at := strings.LastIndex(note, "\n\n")
	if at < 0 || !strings.HasSuffix(note, "\n") {
		return "", errMalformed
	}
	text := note[:at+1]
	lines := strings.Split(strings.TrimSuffix(note[at+2:], "\n"), "\n")
	for _, key := range keys {
		if err := signedBy(text, lines, name, key); err != nil {
			return "", err
		}
	}
	return strings.TrimSuffix(text, "\n"), nil
}

func signedBy(text string, lines []string, name string, key []byte) error {
	hash := sha256.Sum256(append([]byte(name+"\n\x01"), key...))
	found := 0
	for _, line := range lines {
		match := signatureLine.FindStringSubmatch(line)
		if match == nil {
			return errMalformed
		}
		signature, err := unb64(match[2])
		if err != nil || len(signature) != 4+ed25519.SignatureSize {
			return errMalformed
		}
		if match[1] != name || !bytes.Equal(signature[:4], hash[:4]) {
			continue
		}
		if !ed25519.Verify(key, []byte(text), signature[4:]) {
			return errMalformed
		}
		found++
	}
	if found != 1 {
		return errMalformed
	}
	return nil
}
