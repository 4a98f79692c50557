package serving

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// The outputs of the Open Inference Protocol.
const (
	outputPredict       = "predict"
	outputProbabilities = "predict_proba"
)

func writeError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	writeJSON(w, map[string]string{"error": message})
}

// writeJSON is for small answers; batches are appended by hand below.
func writeJSON(w http.ResponseWriter, v any) {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	writeJSON(w, v)
}

// writeScoring answers {"predictions": [...]}; a classifier's probabilities stand beside, in the order of "classes".
func writeScoring(b []byte, m *Model, p metric.Predictions) ([]byte, error) {
	b = append(b, `{"predictions":`...)
	b, err := appendPredictions(b, p)
	if err != nil {
		return nil, err
	}
	if p.Probabilities != nil {
		b = append(b, `,"probabilities":[`...)
		k := len(p.Classes)
		for row := range p.Rows() {
			if row > 0 {
				b = append(b, ',')
			}
			if b, err = appendFloats(b, p.Probabilities[row*k:(row+1)*k]); err != nil {
				return nil, err
			}
		}
		b = append(b, `],"classes":`...)
		b = appendStrings(b, p.Classes)
	}
	b = append(b, `,"model_version":`...)
	return append(appendString(b, m.Version), "}\n"...), nil
}

// write answers an inference request with the outputs that it asked for, or all.
func (q inference) write(b []byte, m *Model, p metric.Predictions) ([]byte, error) {
	wanted := func(name string) bool { return len(q.outputs) == 0 || slices.Contains(q.outputs, name) }
	for _, name := range q.outputs {
		if name != outputPredict && (name != outputProbabilities || p.Probabilities == nil) {
			return nil, fmt.Errorf("no output %q", short(name))
		}
	}
	b = append(b, `{"model_name":`...)
	b = appendString(b, m.Name)
	b = append(b, `,"model_version":`...)
	b = appendString(b, m.Version)
	if q.id != "" {
		b = append(b, `,"id":`...)
		b = appendString(b, q.id)
	}
	b = append(b, `,"outputs":[`...)
	var err error
	if wanted(outputPredict) {
		datatype := "FP64"
		if p.Labels != nil {
			datatype = "BYTES"
		}
		b = fmt.Appendf(b, `{"name":%q,"shape":[%d],"datatype":%q,"data":`, outputPredict, p.Rows(), datatype)
		if b, err = appendPredictions(b, p); err != nil {
			return nil, err
		}
		b = append(b, '}')
	}
	if p.Probabilities != nil && wanted(outputProbabilities) {
		if wanted(outputPredict) {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"name":%q,"shape":[%d,%d],"datatype":"FP64","parameters":{"classes":`, outputProbabilities, p.Rows(), len(p.Classes))
		b = appendStrings(b, p.Classes)
		b = append(b, `},"data":`...)
		if b, err = appendFloats(b, p.Probabilities); err != nil {
			return nil, err
		}
		b = append(b, '}')
	}
	return append(b, "]}\n"...), nil
}

func appendPredictions(b []byte, p metric.Predictions) ([]byte, error) {
	if p.Labels == nil {
		return appendFloats(b, p.Values)
	}
	b = append(b, '[')
	for i, label := range p.Labels {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, p.Classes[label])
	}
	return append(b, ']'), nil
}

// appendFloats writes the shortest text that reads back as the same float64.
func appendFloats(b []byte, values []float64) ([]byte, error) {
	b = append(b, '[')
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("the model's answer is not a finite number")
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, v, 'g', -1, 64)
	}
	return append(b, ']'), nil
}

func appendStrings(b []byte, values []string) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, v)
	}
	return append(b, ']')
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...)
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func (s *Server) serverMetadata(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"name": "weighlock", "version": s.model.Version, "extensions": []string{}})
}

func (s *Server) version(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]string{"version": s.model.Version})
}

func (s *Server) modelReady(w http.ResponseWriter, _ *http.Request) {
	if !s.isReady() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	answer(w, map[string]any{"name": s.model.Name, "ready": s.isReady()})
}

// modelStatus is V1's answer about one model.
func (s *Server) modelStatus(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"name": s.model.Name, "ready": s.isReady()})
}

// tensorMetadata describes one input or output.
type tensorMetadata struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"`
}

func (s *Server) modelMetadata(w http.ResponseWriter, _ *http.Request) {
	var inputs []tensorMetadata
	for _, f := range s.model.Features {
		datatype := "FP64"
		switch f.Kind {
		case dataset.Category, dataset.Date:
			datatype = "BYTES"
		case dataset.Boolean:
			datatype = "BOOL"
		case dataset.Number:
		}
		inputs = append(inputs, tensorMetadata{f.Name, datatype, []int{-1}})
	}
	outputs := []tensorMetadata{{outputPredict, "FP64", []int{-1}}}
	if s.model.Task.Classifies() {
		outputs = []tensorMetadata{{outputPredict, "BYTES", []int{-1}}, {outputProbabilities, "FP64", []int{-1, len(s.model.Classes)}}}
	}
	answer(w, map[string]any{
		"name": s.model.Name, "versions": []string{s.model.Version}, "platform": "weighlock", "inputs": inputs, "outputs": outputs,
	})
}
