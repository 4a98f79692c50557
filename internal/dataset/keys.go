package dataset

import "errors"

// Keys names rows.
func (t *Table) Keys(id string, over []string) ([]string, error) { return nil, errors.New("not yet") }

// Digest is over all rows.
func (t *Table) Digest(keys []string) string { return "" }
