//go:build race

package modelimage

// raceEnabled: the race detector keeps several times the memory.
const raceEnabled = true
