// Package manifests holds the manifests of docs/deploy.md against the types that Kubernetes and KServe read them with.
package manifests

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/kserve/kserve/pkg/apis/serving/v1alpha1"
	"github.com/kserve/kserve/pkg/apis/serving/v1beta1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

// kinds are the types of the manifests; one of another kind is a mistake of the page or a gap here.
var kinds = map[string]func() any{
	"v1 Pod":             func() any { return new(corev1.Pod) },
	"v1 Service":         func() any { return new(corev1.Service) },
	"apps/v1 Deployment": func() any { return new(appsv1.Deployment) },
	"serving.kserve.io/v1alpha1 ServingRuntime":  func() any { return new(v1alpha1.ServingRuntime) },
	"serving.kserve.io/v1beta1 InferenceService": func() any { return new(v1beta1.InferenceService) },
}

// TestManifests decodes every manifest of the page with unknown and doubled fields forbidden.
func TestManifests(t *testing.T) {
	page, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, block := range blocks(string(page)) {
		documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(block)))
		for {
			raw, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			var head struct {
				APIVersion string `json:"apiVersion"`
				Kind       string `json:"kind"`
			}
			if err := strict.Unmarshal(raw, &head); err != nil {
				t.Errorf("%v\n%s", err, raw)
				continue
			}
			kind := head.APIVersion + " " + head.Kind
			newObject, ok := kinds[kind]
			if !ok {
				t.Errorf("no type for %q", kind)
				continue
			}
			object := newObject()
			if err := strict.UnmarshalStrict(raw, object); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			check(t, object)
			seen[kind]++
		}
	}
	for kind := range kinds {
		if seen[kind] == 0 {
			t.Errorf("docs/deploy.md shows no %s", kind)
		}
	}
}

// check looks at what a decoder cannot: images are pinned, and pods satisfy the restricted Pod Security Standard.
func check(t *testing.T, object any) {
	t.Helper()
	var pod *corev1.PodSpec
	switch o := object.(type) {
	case *corev1.Pod:
		pod = &o.Spec
	case *appsv1.Deployment:
		pod = &o.Spec.Template.Spec
		if o.Spec.Selector == nil || o.Spec.Selector.MatchLabels["app"] != o.Spec.Template.Labels["app"] {
			t.Error("the Deployment does not select its own pods")
		}
	default:
		return
	}
	for _, c := range pod.Containers {
		s := c.SecurityContext
		if !strings.Contains(c.Image, "@sha256:") {
			t.Errorf("container %s: %q is not pinned to a digest", c.Name, c.Image)
		}
		if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.Capabilities == nil ||
			len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
			t.Errorf("container %s is not restricted", c.Name)
		}
		if c.ReadinessProbe == nil || c.Resources.Limits.Memory().IsZero() {
			t.Errorf("container %s has no readiness probe or no memory limit", c.Name)
		}
	}
	s := pod.SecurityContext
	if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Error("the pod may run as root or without seccomp")
	}
	for _, v := range pod.Volumes {
		if v.Image != nil && !strings.Contains(v.Image.Reference, "@sha256:") {
			t.Errorf("volume %s: %q is not pinned to a digest", v.Name, v.Image.Reference)
		}
	}
}

// blocks are the fenced YAML blocks that hold Kubernetes objects.
func blocks(page string) []string {
	var out []string
	for i, part := range strings.Split(page, "```") {
		body, ok := strings.CutPrefix(part, "yaml\n")
		if i%2 == 1 && ok && strings.Contains(body, "apiVersion:") {
			out = append(out, body)
		}
	}
	return out
}
