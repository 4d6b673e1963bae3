package virtual

import (
	"io/fs"
	"maps"
	"sync"
	"testing/fstest"
)

// Files are the files of the client's device, from which its claims are found
// out. Nothing announces that they change.
type Files struct {
	mu    sync.Mutex
	files map[string]string
}

func newFiles(files map[string]string) *Files {
	f := &Files{files: map[string]string{}}
	maps.Copy(f.files, files)
	return f
}

// Set writes a file, by its path from the root: etc/os-release.
func (f *Files) Set(path, content string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[path] = content
}

// Open implements fs.FS.
func (f *Files) Open(name string) (fs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := fstest.MapFS{}
	for path, content := range f.files {
		now[path] = &fstest.MapFile{Data: []byte(content)}
	}
	return now.Open(name)
}
