package vectors

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

type treeVectors struct {
	Entries string
	Roots   []struct {
		Size int
		Root octets
	}
	Inclusion []struct {
		Index, Size int
		LeafHash    octets
		Proof       []octets
	}
	Consistency []struct {
		Old, Size int
		Proof     []octets
	}
	Checkpoint struct {
		LogKey, WitnessKey             octets
		WitnessName, Note, Cosignature string
		CosignedAt                     int64
	}
	Receipt struct {
		Salt            octets
		Statement       string
		Entry, LeafHash octets
	}
	Refused []treeRefusal
}

type treeRefusal struct {
	Of, Change string
	At         int
}

const treeSize = 600

func readTree(t *testing.T, text []byte) {
	v := parsed[treeVectors](t, text)
	equal(t, "entries", v.Entries, "entry n is the ASCII text `line n`")
	var leaves [][]byte
	for number := range treeSize {
		leaves = append(leaves, leafHash(fmt.Appendf(nil, "line %d", number)))
	}
	for _, each := range v.Roots {
		equal(t, "root", hex.EncodeToString(rootOf(leaves[:each.Size])), hex.EncodeToString(each.Root))
	}
	v.proofs(t, leaves)
	v.checkpoint(t, rootOf(leaves))
	entry := sha256.Sum256(append(v.Receipt.Salt, v.Receipt.Statement...))
	equal(t, "receipt", string(entry[:]), string(v.Receipt.Entry))
	equal(t, "receipt's leaf", string(leafHash(entry[:])), string(v.Receipt.LeafHash))
	for _, each := range v.Refused {
		refuse(t, each.Of+", "+each.Change, v.changed(t, each, leaves))
	}
}

func (v treeVectors) proofs(t *testing.T, leaves [][]byte) {
	for _, each := range v.Inclusion {
		name := fmt.Sprintf("inclusion %d of %d", each.Index, each.Size)
		equal(t, name, string(each.LeafHash), string(leaves[each.Index]))
		equal(t, name, joined(inclusionOf(each.Index, leaves[:each.Size])), joined(plain(each.Proof)))
		root := rootOf(leaves[:each.Size])
		if err := checkInclusion(each.LeafHash, each.Index, each.Size, root, plain(each.Proof)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, each := range v.Consistency {
		name := fmt.Sprintf("consistency of %d with %d", each.Old, each.Size)
		equal(t, name, joined(consistencyOf(each.Old, leaves[:each.Size], true)), joined(plain(each.Proof)))
		old, root := rootOf(leaves[:each.Old]), rootOf(leaves[:each.Size])
		if err := checkConsistency(each.Old, old, each.Size, root, plain(each.Proof)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (v treeVectors) checkpoint(t *testing.T, root []byte) {
	c := v.Checkpoint
	origin, _, _ := strings.Cut(c.Note, "\n")
	signed, err := openCheckpoint(c.Note, origin, c.LogKey)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "size", signed.size, treeSize)
	equal(t, "root", string(signed.root), string(root))
	at, err := cosignedAt(c.Note+c.Cosignature, c.WitnessName, c.WitnessKey)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "cosigned at", at, c.CosignedAt)
}

// changed is what a reader says of a change that it must refuse. A change that it does not know fails the test.
func (v treeVectors) changed(t *testing.T, r treeRefusal, leaves [][]byte) error {
	switch r.Of {
	case "inclusion":
		each := v.Inclusion[r.At]
		root := rootOf(leaves[:each.Size])
		if r.Change == "index 1" {
			return checkInclusion(each.LeafHash, 1, each.Size, root, plain(each.Proof))
		}
		return checkInclusion(each.LeafHash, each.Index, each.Size, root, changedProof(t, r.Change, plain(each.Proof)))
	case "consistency":
		each := v.Consistency[r.At]
		old, root := rootOf(leaves[:each.Old]), rootOf(leaves[:each.Size])
		return checkConsistency(each.Old, old, each.Size, root, changedProof(t, r.Change, plain(each.Proof)))
	case "checkpoint":
		return v.changedCheckpoint(t, r.Change)
	}
	t.Fatalf("refusals of %q have no reader", r.Of)
	return nil
}

func changedProof(t *testing.T, change string, proof [][]byte) [][]byte {
	switch change {
	case "flip the lowest bit of the first hash's first octet":
		return append([][]byte{flipped(proof[0], 0, 1)}, proof[1:]...)
	case "leave the last hash out":
		return proof[:len(proof)-1]
	case "add 32 zero octets":
		return append(append([][]byte(nil), proof...), make([]byte, sha256.Size))
	}
	t.Fatalf("the change %q has no reader", change)
	return nil
}

func (v treeVectors) changedCheckpoint(t *testing.T, change string) error {
	c := v.Checkpoint
	origin, _, _ := strings.Cut(c.Note, "\n")
	taken := func(note, cosignature string) bool {
		_, first := openCheckpoint(note, origin, c.LogKey)
		_, second := cosignedAt(note+cosignature, c.WitnessName, c.WitnessKey)
		return first == nil && second == nil
	}
	cosigned, err := unb64(strings.TrimSuffix(c.Cosignature[strings.LastIndex(c.Cosignature, " ")+1:], "\n"))
	must(err)
	lineOf := func(o []byte) string {
		return "— " + c.WitnessName + " " + base64.StdEncoding.EncodeToString(o) + "\n"
	}
	switch change {
	case "size 599":
		note := strings.Replace(c.Note, "\n600\n", "\n599\n", 1)
		_, err := cosignedAt(note+c.Cosignature, c.WitnessName, c.WitnessKey)
		refuse(t, "a cosignature of another size", err)
		_, err = openCheckpoint(note, origin, c.LogKey)
		return err
	case "any octet of the root, the signature or the cosignature":
		for at := range cosigned {
			if taken(c.Note, lineOf(flipped(cosigned, at, 1))) {
				t.Errorf("octet %d of the cosignature", at)
			}
		}
		for _, line := range strings.Split(strings.TrimSpace(c.Note), "\n") {
			written := line[strings.LastIndex(line, " ")+1:]
			o, err := unb64(written)
			for at := range o {
				changed := base64.StdEncoding.EncodeToString(flipped(o, at, 1))
				if err == nil && len(o) >= sha256.Size && taken(strings.Replace(c.Note, written, changed, 1), c.Cosignature) {
					t.Errorf("octet %d of %s", at, line)
				}
			}
		}
		return errMalformed
	case "cosignedAt + 1 in the cosignature":
		later := append([]byte(nil), cosigned...)
		later[11]++
		_, err := cosignedAt(c.Note+lineOf(later), c.WitnessName, c.WitnessKey)
		return err
	}
	t.Fatalf("the change %q has no reader", change)
	return nil
}

func plain(proof []octets) [][]byte {
	var found [][]byte
	for _, node := range proof {
		found = append(found, node)
	}
	return found
}

func joined(proof [][]byte) string {
	return hex.EncodeToString(bytes.Join(proof, nil))
}
