package dataset

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Formats lists what Write understands.
func Formats() []string { return []string{"csv", "jsonl", "parquet"} }

// Write writes a table so that Read with the table's own schema gives the same values back; CSV and JSON lines do not
// say which columns are categories that look like numbers. An empty table is an error, as it is for Read.
func Write(w io.Writer, t *Table, format string) error {
	if t.Rows() == 0 || len(t.Columns) == 0 {
		return fmt.Errorf("write table %s: it has no rows", t.Name)
	}
	if err := t.writable(); err != nil {
		return err
	}
	switch format {
	case "csv":
		return writeLines(w, t, csvRow)
	case "jsonl":
		return writeLines(w, t, jsonRow)
	case "parquet":
		return writeParquet(w, t)
	}
	return fmt.Errorf("write table %s: unknown format %q: choices are %s", t.Name, format, strings.Join(Formats(), ", "))
}

// WriteCSV is Write for CSV alone. A program that only needs this does not carry the code for Parquet.
func WriteCSV(w io.Writer, t *Table) error {
	if t.Rows() == 0 || len(t.Columns) == 0 {
		return fmt.Errorf("write table %s: it has no rows", t.Name)
	}
	if err := t.writable(); err != nil {
		return err
	}
	return writeLines(w, t, csvRow)
}

// writable refuses what could not be read again.
func (t *Table) writable() error {
	for _, c := range t.Columns {
		texts := append([]string{c.Name}, c.Levels...)
		for i, s := range texts {
			if s == "" || !utf8.ValidString(s) {
				return fmt.Errorf("write table %s: column %s: %s %s is empty or not UTF-8", t.Name, clip(c.Name), []string{"name", "level"}[min(i, 1)], clip(s))
			}
		}
	}
	return nil
}

// writeLines writes a header (row -1, for CSV) and every row.
func writeLines(w io.Writer, t *Table, row func(b []byte, t *Table, i int) []byte) error {
	buffered := bufio.NewWriterSize(w, 1<<16)
	var b []byte
	for i := -1; i < t.Rows(); i++ {
		b = row(b[:0], t, i)
		if _, err := buffered.Write(b); err != nil {
			return fmt.Errorf("write table %s: %w", t.Name, err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write table %s: %w", t.Name, err)
	}
	return nil
}

func csvRow(b []byte, t *Table, i int) []byte {
	for j, c := range t.Columns {
		if j > 0 {
			b = append(b, ',')
		}
		switch {
		case i < 0:
			b = appendCSV(b, c.Name)
		case c.Missing(i):
			if len(t.Columns) == 1 {
				b = append(b, `""`...) // an empty line would be skipped
			}
		case c.Kind == Category:
			b = appendCSV(b, c.Levels[c.Codes[i]])
		default:
			b = appendValue(b, c.Kind, c.Floats[i])
		}
	}
	return append(b, '\n')
}

func appendCSV(b []byte, s string) []byte {
	// a byte order mark at the start of the file would be skipped, and a semicolon taken for a separator
	if !strings.ContainsAny(s, "\",\r\n;\t\ufeff") {
		return append(b, s...)
	}
	return append(append(append(b, '"'), strings.ReplaceAll(s, `"`, `""`)...), '"')
}

func jsonRow(b []byte, t *Table, i int) []byte {
	if i < 0 {
		return b
	}
	b = append(b, '{')
	for j, c := range t.Columns {
		if j > 0 {
			b = append(b, ',')
		}
		b = append(appendJSON(b, c.Name), ':')
		switch {
		case c.Missing(i):
			b = append(b, "null"...)
		case c.Kind == Category:
			b = appendJSON(b, c.Levels[c.Codes[i]])
		case c.Kind == Date:
			b = append(appendValue(append(b, '"'), c.Kind, c.Floats[i]), '"')
		default:
			b = appendValue(b, c.Kind, c.Floats[i])
		}
	}
	return append(b, "}\n"...)
}

func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
