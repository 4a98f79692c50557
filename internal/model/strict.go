package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// checkJSON refuses what encoding/json reads in silence: a key that stands twice in an object, and anything after the
// value. It also bounds the depth.
func checkJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var stack []scope
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(stack) == 0 {
			return errors.New("empty")
		}
		if err != nil {
			return jsonError(err)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if len(stack) == maxDepth {
				return fmt.Errorf("nested more than %d deep", maxDepth)
			}
			s := scope{}
			if token == json.Delim('{') {
				s = scope{keys: map[string]bool{}, wantKey: true}
			}
			stack = append(stack, s)
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
		default:
			if len(stack) > 0 {
				if key, err := stack[len(stack)-1].key(token); key || err != nil {
					if err != nil {
						return err
					}
					continue
				}
			}
		}
		if len(stack) == 0 {
			return checkEnd(d)
		}
		stack[len(stack)-1].wantKey = stack[len(stack)-1].keys != nil
	}
}

// scope is an object or an array that is still open; keys is nil for an array.
type scope struct {
	keys    map[string]bool
	wantKey bool
}

// key takes a token where an object's key is due, and reports whether it was one.
func (s *scope) key(token json.Token) (bool, error) {
	if !s.wantKey {
		return false, nil
	}
	name, _ := token.(string)
	if s.keys[name] {
		return true, fmt.Errorf("key %q stands twice", name)
	}
	s.keys[name], s.wantKey = true, false
	return true, nil
}

func checkEnd(d *json.Decoder) error {
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the end of the document")
	}
	return nil
}

// jsonError says in one line that a document was cut off, or where it is wrong.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("truncated: the document ends early")
	case errors.As(err, &syntax):
		return fmt.Errorf("damaged at byte %d: %w", syntax.Offset, err)
	}
	return fmt.Errorf("damaged: %w", err)
}
