//go:build !race

package modelimage

// raceEnabled: see race_test.go.
const raceEnabled = false
