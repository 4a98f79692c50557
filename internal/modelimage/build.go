package modelimage

import "errors"

// Image is a built image, ready to push. It does not change after Build.
type Image struct {
	digest string
}

// Build makes the image.
func Build(in Input) (*Image, error) { return nil, errors.New("build image: not yet") }

// Digest is the digest of the index: "sha256:" and 64 hex digits.
func (i *Image) Digest() string { return i.digest }
