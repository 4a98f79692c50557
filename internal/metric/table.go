package metric

// Lookup returns the metric of that name.
func Lookup(name string) (Metric, bool) { return Metric{}, false }

// All lists every metric, sorted by name.
func All() []Metric { return nil }

// ForTask lists the metrics that can judge the task, sorted by name.
func ForTask(task Task) []Metric { return nil }
