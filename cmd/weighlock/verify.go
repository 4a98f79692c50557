package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/attest"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/promotion"
	"github.com/weighlock/weighlock/internal/registry"
)

func newVerify(w world) *cobra.Command {
	var key, policy string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify IMAGE --key FILE",
		Short: "Check signature, provenance and verdict of an image",
		Long: withCodes(`
Check that an image is what it claims to be: that the key signed this digest, that a
verdict and a provenance signed by the same key name this digest, and that they name the
policy, the evaluation rows and the commit that the image itself names. No network is
needed but the registry's.

--policy adds rules of your own: a YAML file with any of policies (accepted policy
digests), sources, builders, metrics (name: {min, max}), no_warnings, max_age_days.`,
			"0    everything holds", "1    the claims are true, and a rule does not hold: a failed verdict, or one of --policy",
			codeMisconfigured, "4    not what it claims to be: no signature by this key, or claims that contradict each other", codeUnavailable, codeCancelled),
		Example: `  weighlock verify ghcr.io/acme/diabetes:approved --key weighlock.pub
  weighlock verify oci:images@sha256:... --key weighlock.pub --policy deploy.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if key == "" {
				return hinted{fmt.Errorf("verify %s: --key is missing", args[0]), "--key names the public key in PEM form"}
			}
			desk, found, err := w.imageDesk(c, args[0])
			if err != nil {
				return err
			}
			if desk.Key, err = publicKey(key); err != nil {
				return err
			}
			var wishes promotion.Wishes
			if policy != "" {
				text, err := os.ReadFile(policy)
				if err != nil {
					return fmt.Errorf("read policy: %w", err)
				}
				if wishes, err = attest.ParseDemands(policy, text); err != nil {
					return err
				}
			}
			proof, err := desk.Prove(c.Context(), found.Digest, wishes)
			if err != nil {
				return err
			}
			if err := printProof(w.stdout, proof, asJSON); err != nil {
				return err
			}
			switch {
			case proof.Broken():
				return exit{gate.Invalid.ExitCode()}
			case !proof.Holds():
				return exit{gate.Blocked.ExitCode()}
			}
			return nil
		},
	}
	c.Flags().StringVar(&key, "key", "", "public key that must have signed the image")
	c.Flags().StringVar(&policy, "policy", "", "your own rules, in YAML")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// imageDesk opens the repository of an image and finds what the tag names now.
func (w world) imageDesk(c *cobra.Command, name string) (promotion.Desk, registry.Descriptor, error) {
	repository, reference, err := splitImage(name)
	if err != nil {
		return promotion.Desk{}, registry.Descriptor{}, err
	}
	images, err := registry.Open(c.Context(), repository, w.registry())
	if err != nil {
		return promotion.Desk{}, registry.Descriptor{}, err
	}
	found, err := images.Resolve(c.Context(), reference)
	return promotion.Desk{Images: images, Now: time.Now}, found, err
}

func printProof(out io.Writer, p promotion.Proof, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(p)
	}
	t := newTable(out)
	t.head(p.Image + "@" + p.Digest)
	for _, f := range p.Findings {
		word := "holds"
		if !f.Holds {
			word = "FAILS"
		}
		t.row(word, f.Check, f.Says)
	}
	return t.Flush()
}
