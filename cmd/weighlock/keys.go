package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/weighlock/weighlock/internal/signing"
)

// signingKey reads the private key that images are signed with: the file of --key, or WEIGHLOCK_SIGNING_KEY, which holds
// the key itself or names its file. Without either it is nil. No message repeats any of it.
func (w world) signingKey(file string) (*signing.PrivateKey, error) {
	text := []byte(w.getenv("WEIGHLOCK_SIGNING_KEY"))
	if file == "" && len(text) > 0 && !strings.Contains(string(text), "-----BEGIN") {
		file, text = string(text), nil
	}
	if file != "" {
		var err error
		if text, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("read signing key: %w", err)
		}
	}
	if len(text) == 0 {
		return nil, nil
	}
	passphrase := w.getenv("WEIGHLOCK_SIGNING_PASSWORD")
	if passphrase == "" {
		passphrase = w.getenv("COSIGN_PASSWORD")
	}
	key, err := signing.ParsePrivate(text, passphrase)
	if errors.Is(err, signing.ErrPassphrase) {
		return nil, hinted{err, "WEIGHLOCK_SIGNING_PASSWORD holds the passphrase of the key"}
	}
	if err != nil {
		return nil, hinted{err, "openssl genpkey -algorithm ed25519 -out weighlock.key makes one; cosign generate-key-pair does too"}
	}
	return key, nil
}

// publicKey reads the file of a public key.
func publicKey(file string) (*signing.PublicKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	key, err := signing.ParsePublic(text)
	if err != nil {
		return nil, hinted{fmt.Errorf("%s: %w", file, err), "openssl pkey -in weighlock.key -pubout makes it from the private key"}
	}
	return key, nil
}
