// Package smoke starts a packed image and asks it what was evaluated: it must answer exactly the same.
//
// Between the evaluation and the image lie an encoder, an archive and a server. A mistake in any of them would give a
// signed image that scores otherwise than the verdict says, so the question is asked before there is a tag.
package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/serving"
)

// ErrAnswer says that the packed image does not answer what was evaluated.
var ErrAnswer = errors.New("the packed image answers otherwise than was evaluated")

// batch is how many rows one request asks for.
const batch = 2000

// Question is what is asked, and the answer that is right.
type Question struct {
	// Features are evaluation rows; Expect are the predictions on them that were judged.
	Features *dataset.Table
	Expect   metric.Predictions
}

// asker posts one request body to /invocations and returns the answer.
type asker func(ctx context.Context, body []byte) ([]byte, error)

// InProcess reads the model out of the image's own layers, serves it here, and asks all rows. It returns how many.
func InProcess(ctx context.Context, img *modelimage.Image, q Question) (int, error) {
	files, err := img.Model()
	if err != nil {
		return 0, fmt.Errorf("smoke test: %w", err)
	}
	m, err := model.Load(files)
	if err != nil {
		return 0, fmt.Errorf("smoke test: load the packed model: %w: %w", err, ErrAnswer)
	}
	server, err := serving.New(serving.Of(m, serving.Identity{Name: "smoke"}), serving.Limits{})
	if err != nil {
		return 0, fmt.Errorf("smoke test: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("smoke test: %w", err)
	}
	serve, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(serve, listener, serving.Ending{Grace: time.Second}) }()
	rows, err := q.ask(ctx, m.Features(), over(listener.Addr().String()))
	stop()
	return rows, errors.Join(err, <-ended)
}

// direct reaches servers of this machine, where a proxy has no business.
var direct = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// over asks a server over HTTP.
func over(host string) asker {
	return func(ctx context.Context, body []byte) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+"/invocations", bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := direct.Do(request)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("ask the server: %w: %w", err, ErrAnswer)
		}
		defer func() { _ = response.Body.Close() }()
		return answered(response)
	}
}

// answered reads the body of a good answer.
func answered(response *http.Response) ([]byte, error) {
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.200s: %w", response.Status, body, ErrAnswer)
	}
	return body, err
}

// ask asks all rows in batches and compares.
func (q Question) ask(ctx context.Context, features []model.Feature, to asker) (int, error) {
	rows := q.Features.Rows()
	for from := 0; from < rows; from += batch {
		until := min(from+batch, rows)
		body, err := request(q.Features, features, from, until)
		if err != nil {
			return from, fmt.Errorf("smoke test: %w", err)
		}
		raw, err := to(ctx, body)
		if err != nil {
			return from, fmt.Errorf("smoke test: %w", err)
		}
		if err := q.compare(raw, from, until); err != nil {
			return from, fmt.Errorf("smoke test: %w", err)
		}
	}
	return rows, nil
}

// request is MLflow's dataframe_split of some rows.
func request(t *dataset.Table, features []model.Feature, from, until int) ([]byte, error) {
	columns := make([]*dataset.Column, len(features))
	names := make([]string, len(features))
	for i, f := range features {
		column, ok := t.Column(f.Name)
		if !ok {
			return nil, fmt.Errorf("the model wants %q, which the evaluation rows lack: %w", f.Name, ErrAnswer)
		}
		columns[i], names[i] = column, f.Name
	}
	data := make([][]any, until-from)
	for row := range data {
		data[row] = make([]any, len(columns))
		for i, column := range columns {
			data[row][i] = cell(column, from+row)
		}
	}
	return json.Marshal(map[string]any{"dataframe_split": map[string]any{"columns": names, "data": data}})
}

// cell is a value as JSON has it; encoding/json writes the shortest text that reads back as the same number.
func cell(c *dataset.Column, row int) any {
	switch {
	case c.Missing(row):
		return nil
	case c.Kind == dataset.Number:
		return c.Floats[row]
	case c.Kind == dataset.Boolean:
		return c.Floats[row] != 0
	}
	return c.Text(row)
}

// scored is the answer of /invocations.
type scored struct {
	Predictions   []json.RawMessage `json:"predictions"`
	Probabilities [][]float64       `json:"probabilities"`
	Classes       []string          `json:"classes"`
}

// compare holds the answer for some rows against what was evaluated, bit by bit.
func (q Question) compare(raw []byte, from, until int) error {
	var got scored
	if err := json.Unmarshal(raw, &got); err != nil {
		return fmt.Errorf("read answer: %w: %w", err, ErrAnswer)
	}
	if len(got.Predictions) != until-from {
		return fmt.Errorf("%d answers for %d rows: %w", len(got.Predictions), until-from, ErrAnswer)
	}
	for i, answer := range got.Predictions {
		row := from + i
		want, err := json.Marshal(q.expected(row))
		if err != nil {
			return err
		}
		if !sameValue(answer, want) {
			return fmt.Errorf("row %d: it answers %s, evaluated was %s: %w", row+1, answer, want, ErrAnswer)
		}
		if err := q.compareProbabilities(got, i, row); err != nil {
			return err
		}
	}
	return nil
}

func (q Question) expected(row int) any {
	if q.Expect.Labels != nil {
		return q.Expect.Classes[q.Expect.Labels[row]]
	}
	return q.Expect.Values[row]
}

// sameValue compares two JSON values: numbers by their bits, texts by their letters.
func sameValue(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && x == y
}

func (q Question) compareProbabilities(got scored, i, row int) error {
	k := len(q.Expect.Classes)
	if q.Expect.Probabilities == nil {
		return nil
	}
	if i >= len(got.Probabilities) || len(got.Probabilities[i]) != k || len(got.Classes) != k {
		return fmt.Errorf("row %d: it answers no probabilities for %d classes: %w", row+1, k, ErrAnswer)
	}
	for c, want := range q.Expect.Probabilities[row*k : (row+1)*k] {
		if got.Classes[c] != q.Expect.Classes[c] || got.Probabilities[i][c] != want {
			return fmt.Errorf("row %d, class %q: it answers %v, evaluated was %v: %w", row+1, q.Expect.Classes[c], got.Probabilities[i][c], want, ErrAnswer)
		}
	}
	return nil
}
