// Package stats says what paired numbers allow us to conclude, and how surely.
package stats
