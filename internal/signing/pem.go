package signing

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/scrypt"
)

// ErrPassphrase says that a private key is encrypted and the passphrase does not open it.
var ErrPassphrase = errors.New("wrong passphrase")

// ParsePrivate reads a private key in PEM: PKCS #8, SEC 1, or as `cosign generate-key-pair` encrypts it, which is what
// the passphrase is for.
func ParsePrivate(text []byte, passphrase string) (*PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("read private key: not in PEM form, which begins with -----BEGIN")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY":
		var plain []byte
		if plain, err = decrypt(block.Bytes, passphrase); err == nil {
			key, err = x509.ParsePKCS8PrivateKey(plain)
		}
	default:
		err = fmt.Errorf("it is a %q, want a PRIVATE KEY", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	private, err := newPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	return private, nil
}

// ParsePublic reads a public key in PEM (PUBLIC KEY, as openssl and cosign write it).
func ParsePublic(text []byte) (*PublicKey, error) {
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("read public key: not in PEM form, which begins with -----BEGIN PUBLIC KEY-----")
	case block.Type != "PUBLIC KEY":
		return nil, fmt.Errorf("read public key: it is a %q, want a PUBLIC KEY", block.Type)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	public, err := newPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	return public, nil
}

// PEM is the public key as a file of its own, for whoever is to check signatures.
func (k *PublicKey) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.der})
}

// encrypted is the JSON in a private key of cosign's: github.com/secure-systems-lab/go-securesystemslib/encrypted.
type encrypted struct {
	KDF struct {
		Name   string `json:"name"`
		Params struct {
			N int `json:"N"`
			R int `json:"r"`
			P int `json:"p"`
		} `json:"params"`
		Salt []byte `json:"salt"`
	} `json:"kdf"`
	Cipher struct {
		Name  string `json:"name"`
		Nonce []byte `json:"nonce"`
	} `json:"cipher"`
	Ciphertext []byte `json:"ciphertext"`
}

const (
	keySize   = 32
	nonceSize = 24
	// mostWork bounds what a key file can make us spend: 128 * N * r bytes of memory.
	mostWork = 1 << 24
)

func decrypt(text []byte, passphrase string) ([]byte, error) {
	var e encrypted
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, err
	}
	if e.KDF.Name != "scrypt" || e.Cipher.Name != "nacl/secretbox" || len(e.Cipher.Nonce) != nonceSize {
		return nil, fmt.Errorf("encrypted with %s and %s, want scrypt and nacl/secretbox", e.KDF.Name, e.Cipher.Name)
	}
	p := e.KDF.Params
	if p.N <= 1 || p.R <= 0 || p.P <= 0 || p.P > 4 || p.R > 64 || p.N > mostWork/p.R/p.P {
		return nil, fmt.Errorf("scrypt parameters N=%d r=%d p=%d are out of range", p.N, p.R, p.P)
	}
	derived, err := scrypt.Key([]byte(passphrase), e.KDF.Salt, p.N, p.R, p.P, keySize)
	if err != nil {
		return nil, err
	}
	var key [keySize]byte
	var nonce [nonceSize]byte
	copy(key[:], derived)
	copy(nonce[:], e.Cipher.Nonce)
	plain, ok := secretbox.Open(nil, e.Ciphertext, &nonce, &key)
	if !ok {
		return nil, ErrPassphrase
	}
	return plain, nil
}
