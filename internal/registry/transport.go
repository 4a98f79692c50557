package registry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// guard is the only way to the network. It decides from the request alone, so
// that no reading of a challenge or a Location header, ours or the library's,
// can lead anywhere else (facts/security.md 1.15).
type guard struct {
	registry string // host, with the port where one was given
	plain    bool   // plain HTTP is allowed
	hosts    []string
	proxy    string // host:port of the proxy for the registry, if there is one
	near     atomic.Int32
	base     *http.Transport
}

// How far away the registry turned out to be when it was dialled. Others that
// it sends us to may be as near, and no nearer.
const (
	nearUnknown = iota
	nearPublic
	nearPrivate
	nearLoopback
)

// metadata are addresses of cloud services that hand out credentials to whoever
// asks from inside; the link-local ones are refused as a whole.
var metadata = []netip.Addr{
	netip.MustParseAddr("168.63.129.16"),   // Azure
	netip.MustParseAddr("100.100.100.200"), // Alibaba Cloud
	netip.MustParseAddr("192.0.0.192"),     // Oracle Cloud
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("fd20:ce::254"),    // Google Cloud
}

func newGuard(reg name.Registry, o Options) *guard {
	host := reg.RegistryStr()
	g := &guard{registry: host, plain: o.Insecure || isLoopbackName(hostname(host))}
	g.hosts = append(g.hosts, o.AuthHosts...)
	// gitlab.com issues the tokens of registry.gitlab.com.
	if _, parent, ok := strings.Cut(hostname(host), "."); ok && strings.Contains(parent, ".") && !isIP(hostname(host)) {
		g.hosts = append(g.hosts, parent)
	}
	if host == name.DefaultRegistry {
		g.hosts = append(g.hosts, "auth.docker.io")
	}
	if req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+host+"/v2/", nil); err == nil {
		if u, err := http.ProxyFromEnvironment(req); err == nil && u != nil {
			g.proxy = hostPort(u.Host, u.Scheme)
		}
	}
	g.base = &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: g.dial, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: 15 * time.Second,
		ExpectContinueTimeout: time.Second,
		// Digests are over the bytes that were sent.
		DisableCompression: true,
	}
	return g
}

// refusal is ErrRefused with a reason; it is never tried again.
func refusal(format string, args ...any) error {
	return &failure{ErrRefused, ErrRefused.Error() + ": " + fmt.Sprintf(format, args...)}
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	u := req.URL
	if u.User != nil {
		return nil, refusal("an address with credentials in it, at %s", u.Hostname())
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !g.plain) {
		return nil, refusal("%s over %s, want https", u.Hostname(), u.Scheme)
	}
	own := strings.EqualFold(u.Host, g.registry)
	switch {
	case req.Response != nil:
		if err := g.checkRedirect(req, own); err != nil {
			return nil, err
		}
		if !own && req.Header.Get("Authorization") != "" {
			req = req.Clone(req.Context())
			req.Header.Del("Authorization")
		}
	case !own && !slices.ContainsFunc(g.hosts, func(h string) bool { return strings.EqualFold(h, u.Host) || strings.EqualFold(h, u.Hostname()) }):
		return nil, refusal("%s names %s, which is not part of it", g.registry, u.Hostname())
	}
	resp, err := g.base.RoundTrip(req)
	if err != nil || resp.StatusCode < 300 || resp.StatusCode > 399 || resp.Header.Get("Location") == "" {
		return resp, err
	}
	// The client would follow; whether it may is decided here as well, so that
	// a refusal is ours to name and not the library's.
	if to, err := resp.Location(); err == nil {
		next := &http.Request{Method: req.Method, URL: to, Response: resp}
		resp.Request = req
		if err := g.checkRedirect(next, strings.EqualFold(to.Host, g.registry)); err != nil {
			_ = resp.Body.Close()
			return nil, err
		}
	}
	return resp, nil
}

// checkRedirect lets content live elsewhere and nothing else: not a token, not
// an upload, not a manifest.
func (g *guard) checkRedirect(req *http.Request, own bool) error {
	first := req
	for hops := 0; first.Response != nil && first.Response.Request != nil; hops++ {
		if hops > 5 {
			return refusal("%s redirects in circles", g.registry)
		}
		first = first.Response.Request
	}
	// Some registries move /v2/ itself between their own paths.
	fromAPI := strings.EqualFold(first.URL.Host, g.registry) && strings.HasPrefix(first.URL.Path, "/v2/")
	read := req.Method == http.MethodGet || req.Method == http.MethodHead
	switch {
	case !fromAPI:
		return refusal("a token server redirects to %s", req.URL.Hostname())
	case own:
		return nil
	case !read || !strings.Contains(first.URL.Path, "/blobs/"):
		return refusal("%s redirects to %s", g.registry, req.URL.Hostname())
	}
	return nil
}

func (g *guard) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	trusted := strings.EqualFold(addr, hostPort(g.registry, "https")) || strings.EqualFold(addr, hostPort(g.registry, "http"))
	proxied := g.proxy != "" && strings.EqualFold(addr, g.proxy)
	d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	// Control sees the address after the name was resolved, just before it is used.
	d.Control = func(_, address string, _ syscall.RawConn) error {
		if proxied {
			return nil
		}
		return g.checkAddress(address, trusted)
	}
	return d.DialContext(ctx, network, addr)
}

func (g *guard) checkAddress(address string, trusted bool) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return refusal("%q is not an address", address)
	}
	ip := ap.Addr().Unmap().WithZone("")
	if slices.Contains(metadata, ip) || ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return refusal("%s is a link-local or metadata address", ip)
	}
	near := int32(nearPublic)
	switch {
	case ip.IsLoopback() || ip.IsUnspecified():
		near = nearLoopback
	case ip.IsPrivate() || isShared(ip):
		near = nearPrivate
	}
	if trusted {
		g.near.Store(near)
		return nil
	}
	if near > nearPublic && near > g.near.Load() {
		return refusal("%s is a private address", ip)
	}
	return nil
}

// isShared: carrier-grade NAT (RFC 6598), used inside clouds like private space.
func isShared(ip netip.Addr) bool {
	return netip.MustParsePrefix("100.64.0.0/10").Contains(ip)
}

func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

func hostPort(host, scheme string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	port := "443"
	if scheme == "http" {
		port = "80"
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func isLoopbackName(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
