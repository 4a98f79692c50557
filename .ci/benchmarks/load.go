package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// loadResult is what a server stood.
type loadResult struct {
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	// Check are the first predictions.
	Check []float64 `json:"check"`
}

// load posts the same body over and over on a number of connections for some seconds.
func load(args []string) (loadResult, error) {
	body, err := os.ReadFile(args[1])
	if err != nil {
		return loadResult{}, err
	}
	seconds, err1 := strconv.ParseFloat(args[2], 64)
	connections, err2 := strconv.Atoi(args[3])
	if err := errors.Join(err1, err2); err != nil {
		return loadResult{}, err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}, Timeout: 30 * time.Second}
	answer, err := post(client, args[0], body)
	if err != nil {
		return loadResult{}, err
	}
	var first struct {
		Predictions []float64 `json:"predictions"`
	}
	if err := json.Unmarshal(answer, &first); err != nil {
		return loadResult{}, err
	}
	took, err := hammer(client, args[0], body, connections, time.Duration(seconds*float64(time.Second)))
	if err != nil {
		return loadResult{}, err
	}
	slices.Sort(took)
	at := func(share float64) float64 { return took[int(share*float64(len(took)-1))] * 1000 }
	return loadResult{
		PerSecond: float64(len(took)) / seconds, P50: at(0.5), P99: at(0.99), Check: first.Predictions[:min(10, len(first.Predictions))],
	}, nil
}

func hammer(client *http.Client, url string, body []byte, connections int, length time.Duration) ([]float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var lock sync.Mutex
	var took []float64
	var failed error
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			var own []float64
			var err error
			for ctx.Err() == nil && err == nil {
				begun := time.Now()
				_, err = post(client, url, body)
				own = append(own, time.Since(begun).Seconds())
			}
			lock.Lock()
			defer lock.Unlock()
			took, failed = append(took, own...), errors.Join(failed, err)
		})
	}
	group.Wait()
	if failed == nil && len(took) == 0 {
		failed = errors.New("no request was answered in time")
	}
	return took, failed
}

func post(client *http.Client, url string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("post to %s: %s: %.200s", url, response.Status, answer)
	}
	return answer, err
}
