package signing

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"
)

func pemOf(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// newKeys makes one key of each kind.
func newKeys(t *testing.T) map[string]*PrivateKey {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*PrivateKey{}
	for name, key := range map[string]any{"ecdsa": ec, "ed25519": ed} {
		private, err := ParsePrivate(pemOf(t, key), "")
		if err != nil {
			t.Fatal(err)
		}
		out[name] = private
	}
	return out
}

func TestSealAndOpen(t *testing.T) {
	keys := newKeys(t)
	statement := []byte(`{"_type":"https://in-toto.io/Statement/v1"}`)
	for name, key := range keys {
		sealed, err := key.Seal(statement)
		if err != nil {
			t.Fatal(err)
		}
		again, err := key.Seal(statement)
		if err != nil || !bytes.Equal(sealed, again) {
			t.Errorf("%s: signing twice gives two signatures, so that a push that is repeated attaches anew: %v", name, err)
		}
		public, err := ParsePublic(key.Public().PEM())
		if err != nil {
			t.Fatal(err)
		}
		got, err := public.Open(sealed)
		if err != nil || !bytes.Equal(got, statement) {
			t.Errorf("%s: opened %q, %v", name, got, err)
		}
		for other, key := range keys {
			if _, err := key.Public().Open(sealed); other != name && !errors.Is(err, ErrSignature) {
				t.Errorf("%s accepts what %s signed: %v", other, name, err)
			}
		}
	}
}

// Whatever byte of a bundle is changed: it does not open, or what it opens to is what was signed.
func TestTamperedBundle(t *testing.T) {
	statement := []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"00"}}]}`)
	for name, key := range newKeys(t) {
		sealed, err := key.Seal(statement)
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		for at := range sealed {
			changed := bytes.Clone(sealed)
			changed[at] ^= 1
			got, err := key.Public().Open(changed)
			if err == nil && !bytes.Equal(got, statement) {
				t.Fatalf("%s: byte %d changed the statement", name, at)
			}
			if err != nil {
				refused++
			}
		}
		if refused < len(statement) {
			t.Errorf("%s: only %d of %d changes were refused", name, refused, len(sealed))
		}
	}
}

func TestSimple(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	for name, key := range newKeys(t) {
		payload, sig, err := key.SealSimple("ghcr.io/acme/diabetes", digest)
		if err != nil {
			t.Fatal(err)
		}
		var shape map[string]any
		if err := json.Unmarshal(payload, &shape); err != nil || shape["critical"] == nil {
			t.Errorf("payload %s, %v", payload, err)
		}
		if got, err := key.Public().OpenSimple(payload, sig); err != nil || got != digest {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		forged := bytes.Replace(payload, []byte("abab"), []byte("cdcd"), 1)
		if _, err := key.Public().OpenSimple(forged, sig); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: another digest under the same signature: %v", name, err)
		}
	}
}

// testdata holds what `cosign generate-key-pair` wrote (v3.1.3), with the passphrase "canal".
func TestKeyOfCosign(t *testing.T) {
	private, err := os.ReadFile("testdata/cosign.key")
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile("testdata/cosign.pub")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParsePrivate(private, "canal")
	if err != nil {
		t.Fatal(err)
	}
	other, err := ParsePublic(public)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := key.Seal([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(sealed); err != nil {
		t.Errorf("the two halves do not fit: %v", err)
	}
	if _, err := ParsePrivate(private, "other"); !errors.Is(err, ErrPassphrase) {
		t.Errorf("with another passphrase: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"no PEM":      {[]byte("secret"), "PEM form"},
		"other block": {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}), "want a PRIVATE KEY"},
		"garbage":     {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}), "read private key"},
		"P-384":       {pemOf(t, p384), "P-256"},
		"RSA":         {pemOf(t, big), "ECDSA key on P-256 or an Ed25519"},
		"endless kdf": {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: []byte(
			`{"kdf":{"name":"scrypt","params":{"N":1073741824,"r":8,"p":1}},"cipher":{"name":"nacl/secretbox","nonce":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}`)}), "out of range"},
	} {
		if _, err := ParsePrivate(c.text, ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the message repeats the key: %v", name, err)
		}
	}
	if _, err := ParsePublic(pemOf(t, p384)); err == nil || !strings.Contains(err.Error(), "want a PUBLIC KEY") {
		t.Errorf("a private key for a public one: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	key, err := newPrivateKey(ed)
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := key.Seal([]byte(`{}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte(`{"dsseEnvelope":{"payloadType":"application/vnd.in-toto+json","signatures":[{}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := key.Public().Open(b); err == nil && string(got) != `{}` {
			t.Errorf("opened %q, which was never signed", got)
		}
	})
}
