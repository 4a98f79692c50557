package registry

import (
	"context"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// maxManifest is what the distribution specification asks every registry to take.
const maxManifest = 4 << 20

// store is where a repository keeps its content: a registry or a folder.
type store interface {
	blobStore
	streamer
	manifestStore
	tagStore
	deleter
	holder
}

type blobStore interface {
	hasBlob(ctx context.Context, h v1.Hash) (bool, error)
	// readBlob reads a whole blob and checks its size and digest.
	readBlob(ctx context.Context, d v1.Descriptor) ([]byte, error)
	// writeBlob is a no-op when the blob is there; wrote hears of progress.
	writeBlob(ctx context.Context, b Blob, wrote func(int64)) error
}

// streamer reads content that may not fit into memory.
type streamer interface {
	// openBlob reads a blob from the beginning. Its size and digest are not
	// checked; whoever stores what it yields does.
	openBlob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error)
}

// deleter takes content away.
type deleter interface {
	// deleteRef deletes a tag, or a manifest by its digest; ErrNotFound, and
	// ErrUnsupported where the store has no such operation.
	deleteRef(ctx context.Context, ref string) error
	// sweep deletes every blob that is not kept, and says how many bytes that
	// were; ErrUnsupported where the store does that on its own.
	sweep(ctx context.Context, keep map[v1.Hash]bool) (int64, error)
}

type manifestStore interface {
	// readManifest takes a tag or a digest and checks the digest; ErrNotFound.
	readManifest(ctx context.Context, ref string) (Manifest, error)
	// writeManifest stores m under a tag or its digest. It says whether the
	// store took care of the manifest's subject.
	writeManifest(ctx context.Context, ref string, m Manifest) (listed bool, err error)
	// referrers lists what has the subject; ErrNotFound when the store keeps
	// no such list and the fallback tag must serve.
	referrers(ctx context.Context, subject string) ([]v1.Descriptor, error)
}

type tagStore interface {
	// stat tells the digest of a tag or of a digest; ErrNotFound.
	stat(ctx context.Context, ref string) (string, error)
	// first is the first of the tags that exists; ErrNotFound.
	first(ctx context.Context, tags []string) (string, error)
	tags(ctx context.Context) ([]string, error)
}

// holder keeps other writers out until release is called, where the store can.
type holder interface {
	hold(ctx context.Context) (release func(), err error)
}
