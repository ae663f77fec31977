# syntax=docker/dockerfile:1

# Mission Control as one image: the server, and with another command its workers' log, an agent, or the upkeep.

FROM rust:1.95-bookworm AS builder
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY mc-domain mc-domain
COPY mc-store mc-store
COPY mc-projections mc-projections
COPY mc-server mc-server
COPY benches benches
COPY examples examples
COPY tests tests
COPY third_party third_party
# What was built before stays in the caches, so a change of ours does not build everything again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist -p mc-server \
    && install -D target/dist/mission-control /out/mission-control

FROM debian:bookworm-slim
# A fixed number: the owner of the volume is the same one in every version of the image.
RUN groupadd --gid 10001 mission-control \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin mission-control \
    && install -d -m 0700 -o 10001 -g 10001 /data
COPY --from=builder /out/mission-control /usr/local/bin/mission-control
USER 10001:10001
WORKDIR /data
VOLUME /data
ENV MC_LISTEN=0.0.0.0:3000 \
    MC_STORE=sqlite:/data/mission-control.db \
    MC_BACKUP_DIR=/data/backups \
    MC_FIRST_CREDENTIAL_FILE=/data/operator-credential
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["mission-control", "health"]
ENTRYPOINT ["mission-control"]
CMD ["serve"]
