# The image of the service. The same image serves (the default command), runs models (router), syncs (worker) and
# schedules (beat): docker-compose.yml sets the command of each.

FROM python:3.11-slim-bookworm AS builder
COPY requirements-uv.txt requirements.txt /build/
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /build/requirements-uv.txt
# Only wheels, each with its hash: nothing is compiled, so no compiler is needed here either.
RUN python -m venv --without-pip /venv \
 && uv pip install --no-cache --compile-bytecode --only-binary :all: --python /venv/bin/python \
        --require-hashes -r /build/requirements.txt


FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Gatewayz" \
      org.opencontainers.image.description="The open, self-hosted catalogue of AI models" \
      org.opencontainers.image.licenses="MIT"
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A fixed number, so that a volume keeps its owner from one image to the next.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /app --shell /usr/sbin/nologin gatewayz \
 && install --directory --owner gatewayz --group gatewayz /app/var /app/spool
WORKDIR /app
COPY --from=builder /venv /venv
COPY manage.py ./
COPY gatewayz gatewayz
COPY access access
COPY front front
COPY catalog catalog
COPY usage usage
COPY routing routing
COPY monitoring monitoring
COPY fixtures fixtures
COPY docs docs
RUN python manage.py collectstatic --noinput --verbosity 0 \
 && python -m whitenoise.compress --quiet staticfiles \
 && python -m compileall -q gatewayz routing usage monitoring catalog front access
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "gatewayz/run/probe.py"]
CMD ["sh", "-c", "exec python -m gatewayz.run.web --host 0.0.0.0 --port 8000 --workers ${WEB_WORKERS:-2}"]
