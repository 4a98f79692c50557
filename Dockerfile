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

# Python and uv are for training commands; git reads the revisions. Debian's git brings servers and the whole of perl, 60 MB
# that nothing here calls; path-exclude leaves their files out and the packages known, so that apt-get still works. The rule
# goes again, so that an image made from this one may install them after all.
FROM python:3.13-slim-bookworm
RUN printf 'path-exclude %s\n' '/usr/share/perl/*' '/usr/share/perl5/*' '/usr/lib/*/perl/*' '/usr/lib/*/libperl.so*' '/usr/share/gitweb/*' \
      /usr/bin/git-shell /usr/bin/scalar \
      /usr/lib/git-core/git-daemon /usr/lib/git-core/git-http-backend /usr/lib/git-core/git-http-push \
      /usr/lib/git-core/git-imap-send /usr/lib/git-core/git-shell /usr/lib/git-core/scalar >/etc/dpkg/dpkg.cfg.d/weighlock \
 && apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends git ca-certificates >/dev/null \
 && rm /etc/dpkg/dpkg.cfg.d/weighlock && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && PYTHONDONTWRITEBYTECODE=1 PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore \
    pip install --quiet --no-cache-dir --no-compile uv==0.9.11
COPY --from=build /weighlock /usr/local/bin/weighlock
ENTRYPOINT ["/usr/local/bin/weighlock"]
CMD ["action"]
