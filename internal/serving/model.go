package serving

import "github.com/weighlock/weighlock/internal/model"

// Identity is what a model's files do not say about it.
type Identity struct {
	Name, Revision, EvaluationDigest string
}

// Of serves a model of ours: the same code scores here and in the gate.
func Of(m *model.Model, id Identity) Model {
	served := Model{
		Scorer: m, Name: id.Name, Version: m.Digest(), Revision: id.Revision, EvaluationDigest: id.EvaluationDigest,
		Task: m.Task(), Classes: m.Classes(),
	}
	for _, f := range m.Features() {
		served.Features = append(served.Features, Feature{Name: f.Name, Kind: f.Kind})
	}
	return served
}
