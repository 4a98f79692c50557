package evaluation

// The columns of a table of predictions, in this order: id (unless left out), then prediction and quantile:0.9 for
// quantities, or label and probability:CLASS for classes. Rows are in the evaluation set's canonical order.
const (
	columnID          = "id"
	columnValue       = "prediction"
	columnLabel       = "label"
	prefixQuantile    = "quantile:"
	prefixProbability = "probability:"
)

// What a table of predictions may hold. A file beyond is refused before its pages are read.
const (
	// MaxPredictions is the number of rows.
	MaxPredictions = 20_000_000
	// MaxPredictionBytes is the size of the file, and of all its pages when unpacked.
	MaxPredictionBytes = 2 << 30
	maxPageBytes       = 64 << 20 // of one page when unpacked; the library writes pages of about 1 MiB
	maxCells           = 100_000_000
	maxColumns         = 2000
	maxHeader          = 1 << 20
)
