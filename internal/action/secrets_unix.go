//go:build unix

package action

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// secretsVariable names the file descriptor that the secrets wait behind after the program has started itself again.
const secretsVariable = "WEIGHLOCK_SECRETS_FD"

// maxSecrets is less than a pipe holds, so that writing never waits for a reader.
const maxSecrets = 32 << 10

// hideSecrets starts this program again, in the same process, with an environment that holds no secret; they come along
// through a pipe. The second time it reads them from there.
func hideSecrets(getenv func(string) string) (secrets, error) {
	if fd := getenv(secretsVariable); fd != "" {
		return readSecrets(fd)
	}
	values := map[string]string{}
	for _, name := range secretNames {
		if value := getenv(name); value != "" {
			values[name] = value
		}
	}
	if len(values) == 0 {
		return secrets{}, nil
	}
	encoded, err := json.Marshal(values)
	if err != nil || len(encoded) > maxSecrets {
		return secrets{}, fmt.Errorf("hide secrets: they are longer than %d bytes", maxSecrets)
	}
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil { // without close-on-exec: the reading end has to survive
		return secrets{}, fmt.Errorf("hide secrets: %w", err)
	}
	if _, err := syscall.Write(pipe[1], encoded); err != nil {
		return secrets{}, fmt.Errorf("hide secrets: %w", err)
	}
	if err := syscall.Close(pipe[1]); err != nil {
		return secrets{}, fmt.Errorf("hide secrets: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return secrets{}, fmt.Errorf("hide secrets: %w", err)
	}
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(secretNames, name)
	})
	err = syscall.Exec(self, os.Args, append(env, secretsVariable+"="+strconv.Itoa(pipe[0]))) //nolint:gosec // this very program with its own arguments
	return secrets{}, fmt.Errorf("hide secrets: %w", err)
}

func readSecrets(fd string) (secrets, error) {
	number, err := strconv.Atoi(fd)
	if err != nil || number < 3 {
		return secrets{}, fmt.Errorf("read secrets: %s is %.20q", secretsVariable, fd)
	}
	if err := os.Unsetenv(secretsVariable); err != nil {
		return secrets{}, fmt.Errorf("read secrets: %w", err)
	}
	f := os.NewFile(uintptr(number), "secrets")
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxSecrets))
	if err != nil {
		return secrets{}, fmt.Errorf("read secrets: %w", err)
	}
	var values map[string]string
	if err := json.Unmarshal(content, &values); err != nil {
		return secrets{}, fmt.Errorf("read secrets: %w", err)
	}
	return secretsFrom(values), nil
}

// ownerOf is who owns a folder.
func ownerOf(name string) (user, group int, ok bool) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}
