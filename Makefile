# Weighlock. `make help` lists the targets.
GO      ?= go
VERSION ?= $(patsubst release/%,%,$(shell git describe --tags --always --dirty 2>/dev/null || echo dev))
LDFLAGS  = -s -w -buildid= -X main.version=$(VERSION)
SERVERS  = cmd/weighlock/servers/weighlock-server-linux-amd64 cmd/weighlock/servers/weighlock-server-linux-arm64
LINT     = golangci-lint

export CGO_ENABLED ?= 0

.DEFAULT_GOAL := all
.PHONY: all build test demo examples lint fmt fmt-check update bench calibration crash e2e hostile frameworks interop manifests pictures vuln clean help servers platforms $(SERVERS)

all: fmt-check lint build test ## format check, lint, build and test

servers: $(SERVERS)

# The servers are built first, for every platform, and embedded in weighlock. Their bytes are part of every image's
# digest, so nothing of this machine may be in them: no paths, no build id, no version. They speak HTTP/1.1 without TLS and
# read no Parquet, so they are built without the code for it; the Dockerfile has the same tags.
SERVER_TAGS = nethttpomithttp2,noparquet
$(SERVERS): cmd/weighlock/servers/weighlock-server-linux-%:
	GOOS=linux GOARCH=$* $(GO) build -tags $(SERVER_TAGS) -trimpath -buildvcs=false -ldflags '-s -w -buildid=' -o $@ ./cmd/weighlock-server

build: servers ## build bin/weighlock with the servers for amd64 and arm64 inside
	$(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/weighlock ./cmd/weighlock

test: servers ## run all tests with the race detector
	CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout 30m ./...

demo: build ## tell the whole story on this machine: a baseline, a worse change, a better change, the image, a prediction
	bin/weighlock demo

examples: build ## run weighlock in every folder of examples/
	bash .ci/examples bin/weighlock

platforms: ## build for the systems that no test runs on
	GOOS=linux GOARCH=arm64 $(GO) build ./...
	GOOS=darwin GOARCH=arm64 $(GO) build ./...
	GOOS=windows GOARCH=amd64 $(GO) build ./...
	GOOS=windows GOARCH=amd64 $(GO) vet ./...

lint: ## run every linter of .golangci.yml
	$(LINT) run ./...

fmt: ## rewrite the sources in the standard format
	$(LINT) fmt ./...

fmt-check: ## fail when a source is not in the standard format
	@test -z "$$(gofmt -l cmd internal examples)" || { gofmt -l cmd internal examples; echo 'run make fmt'; exit 1; }

update: servers ## rewrite the golden files of the tests
	$(GO) test ./internal/report ./cmd/weighlock -update

e2e: build ## play the action's whole story with a real engine, runner and registry (half an hour the first time)
	bash .ci/e2e

bench: build ## measure against named peers and print ratios
	bash .ci/bench bin/weighlock

crash: ## kill run and push at 200 injected system calls and look at what they leave
	WEIGHLOCK_TEST_KILLS=200 $(GO) test -run TestKilledAtSystemCalls -count=1 -timeout 30m -v ./cmd/weighlock

hostile: ## run 68 hostile trainers on this machine and in a default container, as root and as a plain user
	bash .ci/hostile

interop: build ## real registries, cosign, oras, crane, skopeo, docker, faulty networks, races, a 10 GiB model
	bash .ci/interop bin/weighlock

calibration: ## simulate pull requests, check every promised rate, and write the table of docs/statistics.md
	bash .ci/calibration

frameworks: build ## train, gate, pack and serve with scikit-learn, XGBoost, LightGBM, PyTorch, TensorFlow and Keras
	bash .ci/frameworks

manifests: ## decode the manifests of docs/deploy.md with the types of Kubernetes and KServe
	bash .ci/interop /dev/null manifests

pictures: ## draw every golden report as GitHub and a browser show it, and check the Mermaid charts
	bash .ci/pictures

vuln: ## look for known vulnerabilities in what is linked
	govulncheck ./...

clean: ## remove what was built
	rm -rf bin $(SERVERS)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
