package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// faults are what a network can do to a connection, as Toxiproxy does it. Numbers come from the run's seed.
var faults = map[string]func(rng *rand.Rand) toxic{
	"latency": func(rng *rand.Rand) toxic {
		return toxic{"latency", attributes{"latency": 100 + rng.IntN(900), "jitter": rng.IntN(500)}}
	},
	"bandwidth":  func(rng *rand.Rand) toxic { return toxic{"bandwidth", attributes{"rate": 20 + rng.IntN(80)}} }, // KB/s
	"slow_close": func(rng *rand.Rand) toxic { return toxic{"slow_close", attributes{"delay": 200 + rng.IntN(2000)}} },
	"timeout":    func(rng *rand.Rand) toxic { return toxic{"timeout", attributes{"timeout": 100 + rng.IntN(1500)}} },
	"reset_peer": func(rng *rand.Rand) toxic { return toxic{"reset_peer", attributes{"timeout": rng.IntN(500)}} },
	"slicer": func(rng *rand.Rand) toxic {
		return toxic{"slicer", attributes{"average_size": 64 + rng.IntN(4096), "size_variation": 32, "delay": rng.IntN(200)}}
	},
	"limit_data": func(rng *rand.Rand) toxic { return toxic{"limit_data", attributes{"bytes": 1 + rng.IntN(60_000)}} },
	"down":       func(*rand.Rand) toxic { return toxic{} }, // the proxy does not listen
}

type attributes map[string]int

type toxic struct {
	kind string
	with attributes
}

// phases are when the fault begins.
var phases = []string{"upload", "tag", "read"}

// TestFaultyNetwork pushes and reads through a proxy that breaks, and heals after a while or never. Each run ends in
// time: either what was pushed is there, complete and readable, or the error says that the registry is unavailable. No
// tag is ever on incomplete content. WEIGHLOCK_TEST_TOXIPROXY and WEIGHLOCK_TEST_DISTRIBUTION name the two programs, and
// WEIGHLOCK_TEST_SEEDS sets how many seeds each pair of fault and phase gets; make interop runs 20.
func TestFaultyNetwork(t *testing.T) {
	toxiproxy, distribution := os.Getenv("WEIGHLOCK_TEST_TOXIPROXY"), os.Getenv("WEIGHLOCK_TEST_DISTRIBUTION")
	if toxiproxy == "" || distribution == "" {
		t.Skip("WEIGHLOCK_TEST_TOXIPROXY and WEIGHLOCK_TEST_DISTRIBUTION are not set; make interop installs both")
	}
	seeds, err := strconv.Atoi(os.Getenv("WEIGHLOCK_TEST_SEEDS"))
	if err != nil {
		seeds = 2
	}
	upstream := startDistribution(t, distribution)
	api := startToxiproxy(t, toxiproxy)
	slots := make(chan int, 12)
	for i := range cap(slots) {
		slots <- i
	}
	var published, gaveUp, unread atomic.Int64
	var slowest atomic.Int64
	var wg sync.WaitGroup
	for name, fault := range faults {
		for _, phase := range phases {
			for seed := range seeds {
				slot := <-slots
				wg.Go(func() {
					defer func() { slots <- slot }()
					run := faultyRun{api: api, proxy: fmt.Sprintf("p%d", slot), upstream: upstream, phase: phase, name: fmt.Sprintf("%s-%s-%d", name, phase, seed)}
					rng := rand.New(rand.NewPCG(uint64(seed), uint64(len(name)*len(phase))))
					begun := time.Now()
					pushed, read := run.play(t, fault(rng), rng)
					for took := int64(time.Since(begun)); took > slowest.Load(); {
						slowest.Store(took)
					}
					switch {
					case !pushed:
						gaveUp.Add(1)
					case !read:
						unread.Add(1)
					default:
						published.Add(1)
					}
				})
			}
		}
	}
	wg.Wait()
	t.Logf("%d runs: %d published and verified, %d pushes and %d reads given up as unavailable, the slowest took %s",
		len(faults)*len(phases)*seeds, published.Load(), gaveUp.Load(), unread.Load(), time.Duration(slowest.Load()).Round(time.Millisecond))
}

// faultyRun is one push and one reading back.
type faultyRun struct {
	api, proxy, upstream, phase, name string
}

// budget is what one operation may take; three of them must stay below two minutes.
const faultyBudget = 15 * time.Second

func (f faultyRun) play(t *testing.T, fault toxic, rng *rand.Rand) (pushed, read bool) {
	listen := f.create(t)
	defer f.call(t, http.MethodDelete, "/proxies/"+f.proxy, nil)
	in := testInput()
	in.files["weights"] = string(bytes.Repeat([]byte(f.name), 60_000/len(f.name)))
	c := mustBuild(t, in)
	through := mustOpen(t, listen+"/acme/"+f.name, Options{Budget: faultyBudget, Log: func(string) {}})
	behind := mustOpen(t, f.upstream+"/acme/"+f.name, Options{})
	var once sync.Once
	begin := func() {
		once.Do(func() { f.breakFor(t, fault, time.Duration(rng.IntN(4000))*time.Millisecond, rng.IntN(4) > 0) })
	}
	if f.phase == "upload" {
		begin()
	}
	began := time.Now()
	_, err := through.Push(t.Context(), c, PushOptions{Tags: []string{"main"}, Attachments: testAttachments, Progress: func(done, _ int64) {
		if f.phase == "tag" && done >= c.Size() {
			begin()
		}
	}})
	f.judge(t, "push", err, time.Since(began))
	f.checkTag(t, behind, c, err == nil)
	if err != nil {
		return false, false
	}
	begin()
	began = time.Now()
	_, err = readFiles(t, through, c.Digest())
	if err == nil {
		var as []Attachment
		if as, err = through.Attachments(t.Context(), c.Digest(), ""); err == nil && len(as) != 3 {
			t.Errorf("%s: read %d attachments of 3", f.name, len(as))
		}
	}
	f.judge(t, "read", err, time.Since(began)/2)
	return true, err == nil
}

// judge: an error says that the registry is unavailable, and comes in time.
func (f faultyRun) judge(t *testing.T, what string, err error, took time.Duration) {
	if err != nil && !errors.Is(err, ErrUnavailable) {
		t.Errorf("%s: %s: %v", f.name, what, err)
	}
	if took > 3*faultyBudget { // of which the test's own log and scheduling are a part
		t.Errorf("%s: %s took %s", f.name, what, took)
	}
}

// checkTag looks at what is behind the proxy.
func (f faultyRun) checkTag(t *testing.T, behind *Repository, c Content, must bool) {
	d, err := behind.Resolve(t.Context(), "main")
	if errors.Is(err, ErrNotFound) && !must {
		return
	}
	if err != nil || d.Digest != c.Digest() {
		t.Errorf("%s: main is %s: %v", f.name, d.Digest, err)
		return
	}
	if _, err := readFiles(t, behind, d.Digest); err != nil {
		t.Errorf("%s: a tag on incomplete content: %v", f.name, err)
	}
	if as, err := behind.Attachments(t.Context(), d.Digest, ""); err != nil || len(as) != 3 {
		t.Errorf("%s: a tag on content with %d attachments of 3: %v", f.name, len(as), err)
	}
}

// breakFor makes the fault begin now, and end after a while if it heals.
func (f faultyRun) breakFor(t *testing.T, fault toxic, after time.Duration, heals bool) {
	if fault.kind == "" {
		f.call(t, http.MethodPost, "/proxies/"+f.proxy, map[string]any{"enabled": false})
	} else {
		for _, stream := range []string{"upstream", "downstream"} {
			f.call(t, http.MethodPost, "/proxies/"+f.proxy+"/toxics", map[string]any{
				"name": stream, "type": fault.kind, "stream": stream, "toxicity": 1.0, "attributes": fault.with,
			})
		}
	}
	if !heals {
		return
	}
	time.AfterFunc(after, func() {
		f.call(t, http.MethodDelete, "/proxies/"+f.proxy+"/toxics/upstream", nil)
		f.call(t, http.MethodDelete, "/proxies/"+f.proxy+"/toxics/downstream", nil)
		f.call(t, http.MethodPost, "/proxies/"+f.proxy, map[string]any{"enabled": true})
	})
}

func (f faultyRun) create(t *testing.T) string {
	answer := f.call(t, http.MethodPost, "/proxies", map[string]any{"name": f.proxy, "listen": "127.0.0.1:0", "upstream": f.upstream, "enabled": true})
	var made struct {
		Listen string `json:"listen"`
	}
	if err := json.Unmarshal(answer, &made); err != nil || made.Listen == "" {
		t.Errorf("make proxy %s: %s, %v", f.proxy, answer, err)
	}
	return made.Listen
}

// call talks to Toxiproxy. A proxy that is gone already, because its run has ended, is no mistake.
func (f faultyRun) call(t *testing.T, method, path string, body any) []byte {
	raw, err := json.Marshal(body)
	if err != nil {
		t.Error(err)
	}
	req, err := http.NewRequest(method, f.api+path, bytes.NewReader(raw))
	if err != nil {
		t.Error(err)
		return nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	out, _ := io.ReadAll(resp.Body)
	return out
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func startProgram(t *testing.T, address, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 200 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not listen on %s", program, address)
}

func startDistribution(t *testing.T, program string) string {
	t.Helper()
	address, dir := freeAddress(t), t.TempDir()
	// Relative locations keep uploads on the way through the proxy.
	config := "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " + dir + "/data}, delete: {enabled: true}}\n" +
		"http: {addr: " + address + ", relativeurls: true}\n"
	if err := os.WriteFile(filepath.Join(dir, "config.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	startProgram(t, address, program, "serve", filepath.Join(dir, "config.yml"))
	return address
}

func startToxiproxy(t *testing.T, program string) string {
	t.Helper()
	address := freeAddress(t)
	host, port, _ := net.SplitHostPort(address)
	startProgram(t, address, program, "-host", host, "-port", port)
	return "http://" + address
}
