package action

// secrets are what GitHub put into the environment and no trainer may read: not from its own environment, and not from
// /proc/PARENT/environ, which shows what a process was started with whatever it has unset since.
type secrets struct {
	token, registryUsername, registryPassword, signingKey, signingPassword string
}

// secretNames are the variables that are taken out. Those of the runner's own services are dropped for good.
var secretNames = []string{
	"INPUT_TOKEN", "INPUT_REGISTRY_USERNAME", "INPUT_REGISTRY_PASSWORD", "INPUT_SIGNING_KEY", "INPUT_SIGNING_PASSWORD",
	"WEIGHLOCK_SIGNING_KEY", "WEIGHLOCK_SIGNING_PASSWORD", "COSIGN_PASSWORD", "WEIGHLOCK_REGISTRY_PASSWORD",
	"GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL",
}

func secretsFrom(values map[string]string) secrets {
	return secrets{
		token: values["INPUT_TOKEN"], registryUsername: values["INPUT_REGISTRY_USERNAME"], registryPassword: values["INPUT_REGISTRY_PASSWORD"],
		signingKey: values["INPUT_SIGNING_KEY"], signingPassword: values["INPUT_SIGNING_PASSWORD"],
	}
}
