// Package signing signs statements so that cosign accepts them, and checks such signatures, without any network.
//
// A statement is signed in a DSSE envelope (github.com/secure-systems-lab/dsse, protocol.md) inside a Sigstore bundle
// v0.3. The older layout of cosign, a signature over a short JSON that names an image, is written as well, for there are
// still admission controllers that read nothing else.
package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// The media types that cosign gives to what it attaches.
const (
	BundleType  = "application/vnd.dev.sigstore.bundle.v0.3+json"
	PayloadType = "application/vnd.in-toto+json"
	// SimpleType is that of the older layout's payload.
	SimpleType = "application/vnd.dev.cosign.simplesigning.v1+json"
)

// ErrSignature says that no signature holds: it is another key's, or what was signed is not what is there.
var ErrSignature = errors.New("signature does not hold")

// PrivateKey signs. It is an ECDSA key on the curve P-256 or an Ed25519 key.
type PrivateKey struct {
	signer crypto.Signer
	public PublicKey
}

// PublicKey checks what its private key signed.
type PublicKey struct {
	key crypto.PublicKey
	der []byte // SubjectPublicKeyInfo
}

func newPrivateKey(key any) (*PrivateKey, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("it is not a key that signs")
	}
	public, err := newPublicKey(signer.Public())
	if err != nil {
		return nil, err
	}
	return &PrivateKey{signer, *public}, nil
}

func newPublicKey(key any) (*PublicKey, error) {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("it is on the curve %s, want P-256, which every verifier knows", k.Params().Name)
		}
	case ed25519.PublicKey:
	default:
		return nil, errors.New("want an ECDSA key on P-256 or an Ed25519 key")
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	return &PublicKey{key, der}, nil
}

// Public is the other half of the key.
func (k *PrivateKey) Public() *PublicKey { return &k.public }

// Hint tells keys apart: the base64 of the SHA-256 of the key in its standard form (DER of SubjectPublicKeyInfo).
func (k *PublicKey) Hint() string {
	sum := sha256.Sum256(k.der)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// sign makes the same signature for the same message each time: Ed25519 by its nature, ECDSA as RFC 6979 says. A push
// that is repeated attaches nothing new.
func (k *PrivateKey) sign(message []byte) ([]byte, error) {
	if _, ok := k.signer.(ed25519.PrivateKey); ok {
		return k.signer.Sign(nil, message, crypto.Hash(0))
	}
	sum := sha256.Sum256(message)
	return k.signer.Sign(nil, sum[:], crypto.SHA256)
}

func (k *PublicKey) holds(message, signature []byte) bool {
	switch key := k.key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, message, signature)
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(message)
		return ecdsa.VerifyASN1(key, sum[:], signature)
	}
	return false
}

// bundle is a Sigstore bundle as far as a key, and not a certificate, signs.
type bundle struct {
	MediaType            string   `json:"mediaType"`
	VerificationMaterial material `json:"verificationMaterial"`
	Envelope             envelope `json:"dsseEnvelope"`
}

type material struct {
	PublicKey struct {
		Hint string `json:"hint"`
	} `json:"publicKey"`
}

type envelope struct {
	Payload     []byte      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	Sig   []byte `json:"sig"`
	KeyID string `json:"keyid"`
}

// preAuthEncoding is what a DSSE signature covers: type and content, each with its length.
func preAuthEncoding(payloadType string, payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}

// Seal signs an in-toto statement and returns the bundle as JSON.
func (k *PrivateKey) Seal(statement []byte) ([]byte, error) {
	sig, err := k.sign(preAuthEncoding(PayloadType, statement))
	if err != nil {
		return nil, fmt.Errorf("sign statement: %w", err)
	}
	b := bundle{MediaType: BundleType, Envelope: envelope{statement, PayloadType, []signature{{Sig: sig}}}}
	b.VerificationMaterial.PublicKey.Hint = k.public.Hint()
	return json.Marshal(b)
}

// Open checks a bundle and returns the in-toto statement inside. The error is ErrSignature when the bundle can be read
// and no signature in it is this key's.
func (k *PublicKey) Open(sealed []byte) ([]byte, error) {
	var b bundle
	if err := json.Unmarshal(sealed, &b); err != nil {
		return nil, fmt.Errorf("read signed statement: %w", err)
	}
	if b.Envelope.PayloadType != PayloadType {
		return nil, fmt.Errorf("read signed statement: payload type %q, want %s", b.Envelope.PayloadType, PayloadType)
	}
	message := preAuthEncoding(b.Envelope.PayloadType, b.Envelope.Payload)
	for _, s := range b.Envelope.Signatures {
		if k.holds(message, s.Sig) {
			return b.Envelope.Payload, nil
		}
	}
	return nil, fmt.Errorf("check signed statement: %w", ErrSignature)
}

// Unverified returns the statement in a bundle without looking at its signature: words to read and not to rely on.
func Unverified(sealed []byte) ([]byte, error) {
	var b bundle
	if err := json.Unmarshal(sealed, &b); err != nil {
		return nil, fmt.Errorf("read signed statement: %w", err)
	}
	return b.Envelope.Payload, nil
}

// simple is the payload of cosign's older layout.
type simple struct {
	Critical critical       `json:"critical"`
	Optional map[string]any `json:"optional"`
}

type critical struct {
	Identity struct {
		Reference string `json:"docker-reference"`
	} `json:"identity"`
	Image struct {
		Digest string `json:"docker-manifest-digest"`
	} `json:"image"`
	Type string `json:"type"`
}

const simpleKind = "cosign container image signature"

// SealSimple signs a digest ("sha256:" and hex) in the older layout: payload goes into a layer, signature (base64) into
// its annotation. repository is the name that the signature is made under.
func (k *PrivateKey) SealSimple(repository, digest string) (payload []byte, sig string, err error) {
	var s simple
	s.Critical.Identity.Reference, s.Critical.Image.Digest, s.Critical.Type = repository, digest, simpleKind
	if payload, err = json.Marshal(s); err != nil {
		return nil, "", fmt.Errorf("sign %s: %w", digest, err)
	}
	raw, err := k.sign(payload)
	if err != nil {
		return nil, "", fmt.Errorf("sign %s: %w", digest, err)
	}
	return payload, base64.StdEncoding.EncodeToString(raw), nil
}

// OpenSimple checks a signature of the older layout and returns the digest that it is about.
func (k *PublicKey) OpenSimple(payload []byte, sig string) (digest string, err error) {
	raw, err := base64.StdEncoding.DecodeString(sig)
	if err != nil {
		return "", fmt.Errorf("read signature: %w", err)
	}
	if !k.holds(payload, raw) {
		return "", fmt.Errorf("check signature: %w", ErrSignature)
	}
	var s simple
	if err := json.Unmarshal(payload, &s); err != nil {
		return "", fmt.Errorf("read signed payload: %w", err)
	}
	if s.Critical.Type != simpleKind {
		return "", fmt.Errorf("read signed payload: it is %q, want %q", s.Critical.Type, simpleKind)
	}
	return s.Critical.Image.Digest, nil
}
