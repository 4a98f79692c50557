package estimator

import "testing/fstest"

// memory is a folder that holds files.
func memory(files map[string][]byte) fstest.MapFS {
	out := fstest.MapFS{}
	for name, content := range files {
		out[name] = &fstest.MapFile{Data: content}
	}
	return out
}
