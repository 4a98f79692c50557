package proposal

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

// targetNames are names under which targets are published, the plainest first; y comes last, for it is also a width.
var targetNames = []string{
	"target", "label", "class", "outcome", "response", "churn", "churned", "default", "fraud", "survived", "quality", "grade",
	"price", "sales", "revenue", "demand", "y",
}

// target takes the column that the owner names, or guesses one.
func target(t *dataset.Table, named string) (Choice, error) {
	if named != "" {
		if _, ok := t.Column(named); !ok {
			return Choice{}, fmt.Errorf("find target: %s has no column %.40q: choices are %s", t.Name, named, listed(t.Names()))
		}
		return Choice{named, "as asked for"}, nil
	}
	for _, name := range targetNames {
		for _, c := range t.Columns {
			if strings.EqualFold(c.Name, name) {
				return Choice{c.Name, "guessed by its name; --target names another"}, nil
			}
		}
	}
	last := t.Columns[len(t.Columns)-1].Name
	return Choice{last, "guessed: the last column; --target names another"}, nil
}

// The number of different values up to which a target is a set of classes.
const (
	mostClasses      = 50 // of texts
	mostWholeClasses = 10 // of whole numbers
)

// task takes the task that the owner names, or sees it in the target.
func task(y *dataset.Column, named metric.Task) (Choice, error) {
	values, whole, missing := distinct(y)
	if missing > 0 {
		return Choice{}, fmt.Errorf("read target %.40q: %d of %d rows have no value: leave such rows out first", y.Name, missing, y.Len())
	}
	if named != "" {
		return Choice{string(named), "as asked for"}, nil
	}
	switch {
	case values < 2:
		return Choice{}, fmt.Errorf("read target %.40q: all rows have the same value, so there is nothing to learn", y.Name)
	case values == 2:
		return Choice{string(metric.Binary), fmt.Sprintf("%s has 2 values", quoted(y.Name))}, nil
	case y.Kind == dataset.Category && values <= mostClasses:
		return Choice{string(metric.Multiclass), fmt.Sprintf("%s has %d classes", quoted(y.Name), values)}, nil
	case y.Kind == dataset.Category:
		return Choice{}, fmt.Errorf("read target %.40q: it has %d different texts, too many for classes: --target names another column", y.Name, values)
	case y.Kind == dataset.Number && whole && values <= mostWholeClasses:
		why := fmt.Sprintf("%s has %d whole numbers; --task regression takes them as a quantity", quoted(y.Name), values)
		return Choice{string(metric.Multiclass), why}, nil
	}
	return Choice{string(metric.Regression), fmt.Sprintf("%s is a %s with %d different values", quoted(y.Name), y.Kind, values)}, nil
}

// distinct counts the values of a column, and says whether all of them are whole numbers.
func distinct(c *dataset.Column) (values int, whole bool, missing int) {
	if c.Kind == dataset.Category {
		used := map[int32]bool{}
		for i, code := range c.Codes {
			if c.Missing(i) {
				missing++
				continue
			}
			used[code] = true
		}
		return len(used), false, missing
	}
	used := map[float64]bool{}
	whole = true
	for i, v := range c.Floats {
		if c.Missing(i) {
			missing++
			continue
		}
		used[v] = true
		whole = whole && v == math.Trunc(v)
	}
	return len(used), whole, missing
}

// roles finds the columns that are no features by what they are: ids, groups, times, texts.
func (p *Proposal) roles(t *dataset.Table) {
	rows := t.Rows()
	for _, c := range t.Columns {
		if c.Name == p.Target.Value {
			continue
		}
		values, whole, missing := distinct(c)
		unique := values == rows && missing == 0 && rows >= 20
		text := c.Kind == dataset.Category
		switch {
		case unique && (text || whole && c.Kind == dataset.Number && (namesID(c.Name) || counts(c))):
			if p.ID.Value == "" {
				p.ID = Choice{c.Name, "another value in each row"}
			} else {
				p.Exclude = append(p.Exclude, Choice{c.Name, "another value in each row: an id, and no feature"})
			}
		case namesID(c.Name) && (text || whole) && values >= 20 && 10*values <= 9*rows && p.Group.Value == "":
			p.Group = Choice{c.Name, fmt.Sprintf("%d values in %d rows: rows of one stay on one side", values, rows)}
		case text && rows >= 50 && 2*values > rows:
			p.Exclude = append(p.Exclude, Choice{c.Name, fmt.Sprintf("%d different texts in %d rows tell rows apart, and nothing else", values, rows)})
		}
	}
	if p.Group.Value != "" {
		return
	}
	for _, c := range t.Columns {
		values, _, missing := distinct(c)
		if c.Kind == dataset.Date && c.Name != p.Target.Value && missing == 0 && values >= 20 {
			p.Time = Choice{c.Name, "a date: the newest rows judge, as they will in use; no feature then"}
			return
		}
	}
}

// namesID reports a name that says "id".
func namesID(name string) bool {
	lower := strings.ToLower(name)
	return lower == "id" || lower == "uuid" || lower == "key" || strings.HasSuffix(lower, "_id") || strings.HasSuffix(lower, " id") ||
		strings.HasSuffix(lower, "-id") || strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "ID")
}

// counts reports a column that numbers the rows one by one.
func counts(c *dataset.Column) bool {
	for i := 1; i < len(c.Floats); i++ {
		if c.Floats[i] != c.Floats[i-1]+1 {
			return false
		}
	}
	return true
}

// positiveWords name the class that a question with two answers is mostly about.
var positiveWords = []string{"1", "true", "yes", "y", "bad", "positive", "default", "fraud", "churn", "churned", "malignant", "fail", "failed", "spam"}

// positive picks the class of a binary task that precision and recall are about.
func positive(task metric.Task, t *dataset.Table, target string) Choice {
	y, ok := t.Column(target)
	if task != metric.Binary || !ok {
		return Choice{}
	}
	counts := map[string]int{}
	for row := range y.Len() {
		if !y.Missing(row) {
			counts[y.Text(row)]++
		}
	}
	classes := make([]string, 0, len(counts))
	for class := range counts {
		classes = append(classes, class)
	}
	slices.Sort(classes)
	if len(classes) != 2 {
		return Choice{}
	}
	for _, class := range classes {
		if slices.Contains(positiveWords, strings.ToLower(class)) {
			return Choice{class, fmt.Sprintf("%.3g %% of the rows; recall and precision are about this class", 100*float64(counts[class])/float64(y.Len()))}
		}
	}
	rare := classes[1]
	if counts[classes[0]] < counts[rare] {
		rare = classes[0]
	}
	return Choice{rare, fmt.Sprintf("the rarer one, %.3g %% of the rows", 100*float64(counts[rare])/float64(y.Len()))}
}

// sliceNames are columns by which a model should be as good for everybody.
var sliceNames = []string{"sex", "gender", "race", "ethnicity", "nationality", "region", "country", "segment", "site", "channel", "store"}

// leastSliceRows is how many evaluation rows each level needs before a slice is proposed.
const leastSliceRows = 40

// slices proposes to judge the levels of a column by themselves where a name suggests it and rows suffice.
func (p *Proposal) slices(s sides) {
	taken := p.excluded()
	for _, name := range sliceNames {
		for _, c := range s.evaluate.Columns {
			if !strings.EqualFold(c.Name, name) || c.Name == p.Target.Value || slices.Contains(taken, c.Name) {
				continue
			}
			levels := map[string]int{}
			for row := range c.Len() {
				levels[c.Text(row)]++
			}
			least := c.Len()
			for _, n := range levels {
				least = min(least, n)
			}
			if len(levels) < 2 || len(levels) > 8 || least < leastSliceRows {
				continue
			}
			p.Slices = append(p.Slices, Slice{Column: c.Name, Why: fmt.Sprintf("%d levels, the smallest with %d rows", len(levels), least)})
			return
		}
	}
}

// proposedMetrics are the ones that a first policy judges, the leading one first.
var proposedMetrics = map[metric.Task][]string{
	metric.Regression: {"rmse", "mae", "r2"},
	metric.Forecast:   {"rmse", "mae"},
	metric.Binary:     {"roc_auc", "log_loss", "balanced_accuracy"},
	metric.Multiclass: {"accuracy", "log_loss", "f1_macro"},
}

// lopsidedMetrics are for classes of which one is more frequent than all others together: there accuracy mostly says how
// frequent it is.
var lopsidedMetrics = []string{"balanced_accuracy", "f1_macro", "log_loss"}

// floored are the metrics that get a floor: those whose value a reader can judge without knowing the data.
var floored = []string{"r2", "roc_auc", "accuracy", "balanced_accuracy"}

// rules proposes the metrics of the task with their usual margins.
func (p *Proposal) rules(s sides) {
	names := proposedMetrics[p.task()]
	if p.task() == metric.Multiclass && lopsided(s.evaluate, p.Target.Value) {
		names = lopsidedMetrics
	}
	for _, name := range names {
		m, ok := metric.Lookup(name)
		if !ok {
			continue
		}
		p.Rules = append(p.Rules, Rule{Metric: m, Margin: gate.Margin{Value: m.DefaultMargin, Relative: m.Relative}})
	}
}

// lopsided reports a class that more than half of the rows have.
func lopsided(t *dataset.Table, target string) bool {
	y, ok := t.Column(target)
	if !ok {
		return false
	}
	counts := map[string]int{}
	for row := range y.Len() {
		counts[y.Text(row)]++
		if 2*counts[y.Text(row)] > y.Len() {
			return true
		}
	}
	return false
}

func listed(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// quoted shows a foreign name in a comment, on one line.
func quoted(name string) string {
	if plain.MatchString(name) {
		return name
	}
	return fmt.Sprintf("%.60q", name)
}
