# The program and what it needs to run, and nothing else: no shell, no package manager.
#   docker build -t goldaw .
# BASE is a Debian with Rust; where no registry can be reached, give one of your own.
ARG BASE=docker.io/library/rust:1-trixie

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential ca-certificates perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /goldaw
COPY Cargo.toml Cargo.lock ./
COPY .cargo ./.cargo
COPY config ./config
COPY migrations ./migrations
COPY scripts/bench ./scripts/bench
COPY src ./src
RUN cargo build --release --locked --bin goldaw
# The program, the few libraries it is linked with, the certificates that mail servers are checked
# by, a user without rights, and a folder that belongs to it. Time zones are in the program.
RUN set -eu; \
    program="${CARGO_TARGET_DIR:-target}/release/goldaw"; \
    install -D "$program" /image/usr/bin/goldaw; \
    ldd "$program" | grep -o '/[^ ]*' | while read -r library; do install -D "$library" "/image$library"; done; \
    install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt; \
    mkdir -p /image/etc /image/run/secrets; \
    echo 'goldaw:x:10001:10001::/var/lib/goldaw:/usr/bin/goldaw' >/image/etc/passwd; \
    echo 'goldaw:x:10001:' >/image/etc/group; \
    echo 'hosts: files dns' >/image/etc/nsswitch.conf; \
    install -d -m 0700 -o 10001 -g 10001 /image/var/lib/goldaw

FROM scratch
COPY --from=build /image /
# The root key is a mounted secret, readable by this user alone (mode 0400, uid 10001); make it with
#   (umask 0377; openssl rand -hex 32 >root.key)
ENV GOLDAW_DATA=/var/lib/goldaw \
    GOLDAW__VAULT__ROOT_KEY_FILE=/run/secrets/goldaw.root-key
USER 10001:10001
VOLUME /var/lib/goldaw
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/bin/goldaw", "health"]
ENTRYPOINT ["/usr/bin/goldaw"]
CMD ["serve"]
