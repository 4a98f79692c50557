package training

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/weighlock/weighlock/internal/dataset"
)

// tables are what a command reads: the training rows with labels, the evaluation rows without. Rows are told apart by
// numbers that were shuffled, and evaluation rows come in another shuffled order, so neither says which row is which.
type tables struct {
	// id is the name of the column of numbers.
	id              string
	train, evaluate *dataset.Table
	// row finds the place in Job.Evaluate of a number.
	row map[string]int
}

// defaultID is the id's name where the data has none.
const defaultID = "weighlock_id"

func newTables(job Job) (tables, error) {
	t := tables{id: idName(job), row: make(map[string]int, job.Evaluate.Rows())}
	n := job.Evaluate.Rows()
	random := rand.New(rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "shuffle %d", job.Seed))))
	order, numbers := random.Perm(n), random.Perm(n)
	ids := make([]float64, n)
	for at, row := range order {
		ids[at] = float64(numbers[at] + 1)
		t.row[strconv.Itoa(numbers[at]+1)] = row
	}
	var err error
	if t.evaluate, err = withIDs(job, t.id, job.Evaluate.Without(job.Target).Select(order), ids); err != nil {
		return t, err
	}
	if job.Rows == nil {
		return t, nil
	}
	ids = make([]float64, job.Rows.Rows())
	for i := range ids {
		ids[i] = float64(n + i + 1)
	}
	t.train, err = withIDs(job, t.id, job.Rows, ids)
	return t, err
}

// idName is the data's own name, or one that no column has.
func idName(job Job) string {
	if job.ID != "" {
		return job.ID
	}
	name := defaultID
	for slices.Contains(job.Evaluate.Names(), name) || name == job.Target {
		name += "_"
	}
	return name
}

// withIDs puts numbers in front, and leaves out what a command must not see.
func withIDs(job Job, id string, t *dataset.Table, numbers []float64) (*dataset.Table, error) {
	column, err := dataset.NewFloats(id, dataset.Number, numbers)
	if err != nil {
		return nil, err
	}
	rest := t.Without(append([]string{id}, job.Withheld...)...)
	return dataset.New(t.Name, append([]*dataset.Column{column}, rest.Columns...)...)
}

// encode writes a table in a format.
func encode(t *dataset.Table, format string) ([]byte, error) {
	var b bytes.Buffer
	err := dataset.Write(&b, t, format)
	return b.Bytes(), err
}

// seedOf is the seed that a command gets: small enough for every library, and no way back to the order of the rows.
func seedOf(job Job) uint64 {
	if job.Train.Seed != 0 {
		return job.Train.Seed
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "train %d", job.Seed))
	return uint64(binary.LittleEndian.Uint32(sum[:4]) >> 1)
}
