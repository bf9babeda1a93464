package vectors

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// The log's tree (RFC 6962, 2.1), its checkpoints (C2SP tlog-checkpoint) and cosignatures (cosignature/v1).

func leafHash(entry []byte) []byte {
	hash := sha256.Sum256(append([]byte{0}, entry...))
	return hash[:]
}

func nodeHash(left, right []byte) []byte {
	hash := sha256.Sum256(bytes.Join([][]byte{{1}, left, right}, nil))
	return hash[:]
}

// split is the largest power of two below `size`.
func split(size int) int {
	half := 1
	for half*2 < size {
		half *= 2
	}
	return half
}

// rootOf is the tree hash over at least one leaf, by its definition.
func rootOf(leaves [][]byte) []byte {
	if len(leaves) == 1 {
		return leaves[0]
	}
	half := split(len(leaves))
	return nodeHash(rootOf(leaves[:half]), rootOf(leaves[half:]))
}

// inclusionOf is the audit path of RFC 6962, 2.1.1.
func inclusionOf(index int, leaves [][]byte) [][]byte {
	if len(leaves) == 1 {
		return nil
	}
	half := split(len(leaves))
	if index < half {
		return append(inclusionOf(index, leaves[:half]), rootOf(leaves[half:]))
	}
	return append(inclusionOf(index-half, leaves[half:]), rootOf(leaves[:half]))
}

// consistencyOf is the proof of RFC 6962, 2.1.2; `known` says that the reader has the root of these leaves.
func consistencyOf(old int, leaves [][]byte, known bool) [][]byte {
	if old == len(leaves) {
		if known {
			return nil
		}
		return [][]byte{rootOf(leaves)}
	}
	half := split(len(leaves))
	if old <= half {
		return append(consistencyOf(old, leaves[:half], known), rootOf(leaves[half:]))
	}
	return append(consistencyOf(old-half, leaves[half:], false), rootOf(leaves[:half]))
}

// checkInclusion is the reader's half: it follows the path by the tree's definition, from the root down.
func checkInclusion(leaf []byte, index, size int, root []byte, proof [][]byte) error {
	found, rest, err := upFrom(leaf, index, size, proof)
	if err != nil || len(rest) != 0 || !bytes.Equal(found, root) {
		return errMalformed
	}
	return nil
}

func upFrom(leaf []byte, index, size int, proof [][]byte) (found []byte, rest [][]byte, err error) {
	if index < 0 || index >= size {
		return nil, nil, errMalformed
	}
	if size == 1 {
		return leaf, proof, nil
	}
	half := split(size)
	if index < half {
		found, rest, err = upFrom(leaf, index, half, proof)
	} else {
		found, rest, err = upFrom(leaf, index-half, size-half, proof)
	}
	if err != nil || len(rest) == 0 || len(rest[0]) != sha256.Size {
		return nil, nil, errMalformed
	}
	if index < half {
		return nodeHash(found, rest[0]), rest[1:], nil
	}
	return nodeHash(rest[0], found), rest[1:], nil
}

// checkConsistency is the reader's half: both roots come from one proof.
func checkConsistency(old int, oldRoot []byte, size int, root []byte, proof [][]byte) error {
	if old < 1 || old > size {
		return errMalformed
	}
	before, after, rest, err := bothFrom(old, size, oldRoot, true, proof)
	if err != nil || len(rest) != 0 || !bytes.Equal(before, oldRoot) || !bytes.Equal(after, root) {
		return errMalformed
	}
	return nil
}

func bothFrom(old, size int, oldRoot []byte, known bool, proof [][]byte) (before, after []byte, rest [][]byte, err error) {
	if old == size {
		if known {
			return oldRoot, oldRoot, proof, nil
		}
		if len(proof) == 0 || len(proof[0]) != sha256.Size {
			return nil, nil, nil, errMalformed
		}
		return proof[0], proof[0], proof[1:], nil
	}
	half := split(size)
	if old <= half {
		before, after, rest, err = bothFrom(old, half, oldRoot, known, proof)
	} else {
		before, after, rest, err = bothFrom(old-half, size-half, oldRoot, false, proof)
	}
	if err != nil || len(rest) == 0 || len(rest[0]) != sha256.Size {
		return nil, nil, nil, errMalformed
	}
	if old <= half {
		return before, nodeHash(after, rest[0]), rest[1:], nil
	}
	return nodeHash(rest[0], before), nodeHash(rest[0], after), rest[1:], nil
}

// checkpoint is what a log says of itself.
type checkpoint struct {
	origin string
	size   int64
	root   []byte
}

// openCheckpoint reads a note that the log `origin` signed.
func openCheckpoint(note, origin string, key []byte) (checkpoint, error) {
	text, err := noteText(note, origin, key)
	if err != nil {
		return checkpoint{}, err
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 3 || lines[0] != origin {
		return checkpoint{}, errMalformed
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return checkpoint{}, errMalformed
	}
	root, err := unb64(lines[2])
	if err != nil || len(root) != sha256.Size {
		return checkpoint{}, errMalformed
	}
	return checkpoint{origin, size, root}, nil
}

// cosignedAt is when the witness cosigned this checkpoint, in seconds since 1970.
func cosignedAt(note, name string, key []byte) (int64, error) {
	at := strings.LastIndex(note, "\n\n")
	if at < 0 {
		return 0, errMalformed
	}
	hash := sha256.Sum256(append([]byte(name+"\n\x04"), key...))
	for _, line := range strings.Split(note[at+2:], "\n") {
		written, ours := strings.CutPrefix(line, "— "+name+" ")
		signature, err := unb64(written)
		if !ours || err != nil || len(signature) != 4+8+ed25519.SignatureSize || !bytes.Equal(signature[:4], hash[:4]) {
			continue
		}
		moment := binary.BigEndian.Uint64(signature[4:])
		text := fmt.Sprintf("cosignature/v1\ntime %d\n%s", moment, note[:at+1])
		if ed25519.Verify(key, []byte(text), signature[12:]) {
			return int64(moment), nil
		}
	}
	return 0, errMalformed
}
