package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// stream reads a blob of a registry piece by piece. When the connection breaks
// it goes on where it was, as long as the budget lasts.
type stream struct {
	from *remote
	ctx  context.Context // of the whole operation, as io.Reader knows none
	blob v1.Descriptor
	body io.ReadCloser
	at   int64
	left int // breaks that are still put up with
}

// maxBreaks bounds how often one blob may break off.
const maxBreaks = 20

func (c *remote) openBlob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	s := &stream{from: c, ctx: ctx, blob: d, left: maxBreaks}
	if err := s.connect(); errors.Is(err, errLost) {
		return nil, notFound(d.Digest.String())
	} else if err != nil {
		return nil, err
	}
	return s, nil
}

// Read reads on, up to the size that was stated and no further: a server that never ends does not fill a disk.
func (s *stream) Read(p []byte) (int, error) {
	if s.at >= s.blob.Size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), s.blob.Size-s.at)]
	for {
		n, err := s.body.Read(p)
		s.at += int64(n)
		if err == nil || n > 0 || s.at >= s.blob.Size {
			if errors.Is(err, io.EOF) && s.at < s.blob.Size {
				err = nil // broke off; the next call goes on
			}
			return n, err
		}
		if s.left--; s.left < 0 {
			return 0, unavailable("%s breaks off again and again", s.from.repo.RegistryStr())
		}
		if err := sleep(s.ctx, 100*time.Millisecond); err != nil {
			return 0, ended(s.ctx, nil)
		}
		if err := s.connect(); err != nil {
			return 0, err
		}
	}
}

// Close ends reading.
func (s *stream) Close() error {
	if s.body == nil {
		return nil
	}
	return s.body.Close()
}

// connect asks for the rest.
func (s *stream) connect() error {
	_ = s.Close()
	return s.from.retry.do(s.ctx, "GET "+s.from.repo.RegistryStr(), s.ask)
}

func (s *stream) ask(ctx context.Context) error {
	client, err := s.from.client(ctx, transport.PullScope)
	if err != nil {
		return err
	}
	k := call{method: http.MethodGet, path: "blobs/" + s.blob.Digest.String()}
	if s.at > 0 {
		k.header = map[string]string{"Range": fmt.Sprintf("bytes=%d-", s.at)}
	}
	req, err := s.from.request(ctx, k)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return s.from.judge(err)
	}
	switch {
	case resp.StatusCode == http.StatusPartialContent && s.at > 0, resp.StatusCode == http.StatusOK && s.at == 0:
	case resp.StatusCode == http.StatusOK: // it does not know ranges
		if _, err := io.CopyN(io.Discard, resp.Body, s.at); err != nil {
			_ = resp.Body.Close()
			return networkSetback(s.from.repo.RegistryStr(), err)
		}
	default:
		defer func() { _ = resp.Body.Close() }()
		return s.from.status(resp)
	}
	s.body = resp.Body
	return nil
}
