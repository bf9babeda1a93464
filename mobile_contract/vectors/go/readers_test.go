package vectors

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const folder = ".."

// readers has who reads each file of vectors. A file that is not named here fails the test below, and `./ioc check`.
var readers = map[string]func(*testing.T, []byte){
	"audit/lines.json":     readLines,
	"audit/tree.json":      readTree,
	"cursors.json":         readCursors,
	"ids.json":             readIDs,
	"vault/call.json":      readCall,
	"vault/datakey.json":   readDataKeys,
	"vault/record.json":    readRecords,
	"vault/statement.json": readStatements,
}

// unread has files that Go does not read yet, each in a line of its own: "folder/name.json": true,
var unread = map[string]bool{}

func TestVectors(t *testing.T) {
	for _, name := range files(t) {
		t.Run(name, func(t *testing.T) {
			if unread[name] {
				t.Skip("no reader yet")
			}
			reader := readers[name]
			if reader == nil {
				t.Fatal("no reader: add one here")
			}
			text, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			reader(t, text)
		})
	}
}

func files(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".json") {
			name, _ := filepath.Rel(folder, path)
			found = append(found, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatal("no vectors", err)
	}
	return found
}

// parsed reads the whole file; a member that the reader does not know is one that it does not check.
func parsed[T any](t *testing.T, text []byte) T {
	t.Helper()
	var value T
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func refuse(t *testing.T, name string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s was taken", name)
	}
}

func equal[T comparable](t *testing.T, name string, found, wanted T) {
	t.Helper()
	if found != wanted {
		t.Errorf("%s: %v, not %v", name, found, wanted)
	}
}
