package dataset

// Severity is how much a check weighs.
type Severity string

// The severities of a check.
const (
	Block Severity = "block"
	Warn  Severity = "warn"
	Info  Severity = "info"
)

// Check is one finding about the data.
type Check struct {
	Name     string   `json:"name"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Column   string   `json:"column,omitempty"`
	// Rows are the keys of up to 20 of the rows concerned.
	Rows []string `json:"rows,omitempty"`
	// Count is how many rows are concerned.
	Count int `json:"count,omitempty"`
}

// CheckInput is what RunChecks looks at.
type CheckInput struct {
	Train, Evaluate         *Table
	TrainKeys, EvaluateKeys []string
	Target, ID, Group, Time string
	// BaseSchema was inferred from the base revision's table; Declared stands in weighlock.yaml.
	BaseSchema, Declared Schema
}

// RunChecks looks for what makes a comparison worthless.
func RunChecks(in CheckInput) []Check { return nil }

// Changes are the differences between two revisions of a table, as keys of rows.
type Changes struct {
	Labels, Removed, Altered, Added []string
	NewColumns                      []string
}

// ChangedRows compares two revisions of a table.
func ChangedRows(base, change *Table, baseKeys, changeKeys []string, target string, columns []string) Changes {
	return Changes{}
}
