//go:build race

package report

// racing says that everything is an order of magnitude slower.
const racing = true
