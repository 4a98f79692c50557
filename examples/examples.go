// Package examples holds what `weighlock demo` tells its story with.
package examples

import "embed"

// Retail is the folder retail/: prices of 53,794 diamonds.
//
//go:embed retail/weighlock.yaml retail/data/diamonds.csv.gz
var Retail embed.FS
