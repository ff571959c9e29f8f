# syntax=docker/dockerfile:1
# Python as in requirements.lock; Debian 12 has the OpenSSL 3 that the embedded MongoDB wants.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
# "embedded" adds a MongoDB for trying out (x86-64 only): docker build --build-arg EXTRAS=embedded .
ARG EXTRAS=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock ./
# Every download is checked against its hash here; what follows installs from these files only.
RUN python3 -m pip download --quiet --require-hashes --no-deps --only-binary :all: -r requirements.lock -d /wheels
COPY pyproject.toml README.md LICENSE ./
COPY models ./models
COPY config ./config
COPY connectors ./connectors
COPY daemon ./daemon
RUN python3 -m venv /opt/ats-sync \
    && /opt/ats-sync/bin/pip install --quiet --no-index --find-links /wheels ".[events${EXTRAS:+,$EXTRAS}]" \
    && /opt/ats-sync/bin/python -m compileall -q /opt/ats-sync/lib \
    && /opt/ats-sync/bin/pip uninstall --quiet --yes pip setuptools

FROM ${PYTHON} AS run
ARG EXTRAS=""
RUN case ",${EXTRAS}," in *,embedded,*) \
        apt-get update \
        && apt-get install --yes --no-install-recommends libcurl4 \
        && rm -rf /var/lib/apt/lists/* ;; \
    esac
# A platform may choose another user; its group is then root's, which has no right but this one.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin ats-sync \
    && install --directory --owner=ats-sync --group=root --mode=0770 /data
COPY --from=build /opt/ats-sync /opt/ats-sync
ENV PATH=/opt/ats-sync/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ATS_SYNC_CONFIG=/config/ats-sync.yaml \
    ATS_SYNC_DATA_DIR=/data \
    ATS_SYNC_HTTP_HOST=0.0.0.0 \
    ATS_SYNC_HTTP_PORT=8080
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM
# Half a second of one core each time; the command ends by itself within 4 s.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
    CMD ["ats-sync", "health"]
# Exec form: signals reach the daemon itself, which drains before it ends.
ENTRYPOINT ["ats-sync"]
CMD ["run"]
