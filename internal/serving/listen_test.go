package serving

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// listen serves a model on a free port until the test or stop ends it.
func listen(t *testing.T, s *Server, end Ending) (address string, stop context.CancelFunc, ended chan error) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	ended = make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener, end) }()
	return listener.Addr().String(), stop, ended
}

func dial(t *testing.T, address, text string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends one request on a connection of its own.
func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

const oneRow = `{"instances":[[1,"a",true]]}`

// 300 clients begin a body and stop. They may hold connections until these time out, but nobody else waits for them.
func TestSlowBodiesHoldUpNobody(t *testing.T) {
	t.Parallel()
	address, _, _ := listen(t, newServer(t, adder{}, Limits{Concurrent: 2}), Ending{})
	for range 300 {
		dial(t, address, "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	}
	begun := time.Now()
	status, body := ask(t, http.MethodPost, "http://"+address+"/invocations", oneRow)
	if took := time.Since(begun); status != http.StatusOK || took > time.Second {
		t.Errorf("got %d %s after %s", status, body, took)
	}
}

// 300 clients begin a header and stop: health answers meanwhile, and they are gone when their time is up.
func TestSlowHeadersAreCutOff(t *testing.T) {
	t.Parallel()
	address, _, _ := listen(t, newServer(t, adder{}, Limits{}), Ending{})
	var slow []net.Conn
	for range 300 {
		slow = append(slow, dial(t, address, "GET /ping HTTP/1.1\r\nX-Slow: "))
	}
	if status, _ := ask(t, http.MethodGet, "http://"+address+"/healthz", ""); status != http.StatusOK {
		t.Errorf("health says %d during the attack", status)
	}
	for _, c := range slow {
		if err := c.SetReadDeadline(time.Now().Add(readHeaderTimeout + 5*time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Fatalf("still open after %s: %v", readHeaderTimeout, err)
		}
	}
}

func TestLargeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	address, _, _ := listen(t, newServer(t, adder{}, Limits{}), Ending{})
	c := dial(t, address, "GET /ping HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", 2*maxHeaderBytes)+"\r\n\r\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, "431") {
		t.Errorf("got %q, %v", line, err)
	}
}

func TestHeldBodiesAreBounded(t *testing.T) {
	t.Parallel()
	address, _, _ := listen(t, newServer(t, adder{}, Limits{MaxHeld: 1000}), Ending{})
	slow := dial(t, address, "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n"+strings.Repeat(" ", 990))
	status := 0
	for deadline := time.Now().Add(5 * time.Second); status != http.StatusServiceUnavailable && time.Now().Before(deadline); {
		status, _ = ask(t, http.MethodPost, "http://"+address+"/invocations", oneRow)
	}
	if status != http.StatusServiceUnavailable {
		t.Errorf("got %d while 990 of 1,000 bytes were held", status)
	}
	_ = slow.Close()
	for deadline := time.Now().Add(5 * time.Second); status != http.StatusOK && time.Now().Before(deadline); {
		status, _ = ask(t, http.MethodPost, "http://"+address+"/invocations", oneRow)
	}
	if status != http.StatusOK {
		t.Errorf("got %d after they were let go", status)
	}
}

// During the drain a server is not ready and still answers; then it ends.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := newServer(t, adder{}, Limits{})
	address, stop, ended := listen(t, s, Ending{Drain: time.Second, Grace: time.Second})
	if status, _ := ask(t, http.MethodGet, "http://"+address+"/readyz", ""); status != http.StatusOK {
		t.Fatalf("not ready at first: %d", status)
	}
	stop()
	for s.ready.Load() {
		time.Sleep(time.Millisecond)
	}
	got := ""
	for _, path := range []string{"/readyz", "/healthz", "/invocations"} {
		method, body := http.MethodGet, ""
		if path == "/invocations" {
			method, body = http.MethodPost, oneRow
		}
		status, _ := ask(t, method, "http://"+address+path, body)
		got += fmt.Sprintf("%s %d ", path, status)
	}
	if got != "/readyz 503 /healthz 200 /invocations 200 " {
		t.Errorf("during the drain: %s", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
