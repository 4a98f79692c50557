# The container action, for linux/amd64 and linux/arm64. GitHub runs it as root in a folder of its own choice, so there is
# neither USER nor WORKDIR; weighlock is PID 1, so that it gets the runner's signals.
FROM golang:1.26-bookworm AS build
COPY go.mod go.sum /src/
RUN cd /src && go mod download
COPY . /src
ARG VERSION=dev
RUN cd /src && export CGO_ENABLED=0 \
 && for arch in amd64 arm64; do \
      GOOS=linux GOARCH=$arch go build -tags nethttpomithttp2,noparquet -trimpath -buildvcs=false -ldflags '-s -w -buildid=' \
        -o cmd/weighlock/servers/weighlock-server-linux-$arch ./cmd/weighlock-server || exit 1; \
    done \
 && go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$VERSION" -o /weighlock ./cmd/weighlock

# Python and uv are for training commands; git reads the revisions.
FROM python:3.13-slim-bookworm
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends git ca-certificates >/dev/null \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore pip install --quiet --no-cache-dir uv==0.9.11
COPY --from=build /weighlock /usr/local/bin/weighlock
ENTRYPOINT ["/usr/local/bin/weighlock"]
CMD ["action"]
