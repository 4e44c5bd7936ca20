# The packages, in a virtual environment that goes into the image as it is.
FROM python:3.13-slim AS packages

COPY requirements.txt /tmp/requirements.txt
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install \
        --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
        --requirement /tmp/requirements.txt

COPY oauth_helper /app/oauth_helper
# The image is read-only when it runs, so the compiled modules have to be in it.
RUN /venv/bin/python -m compileall -q -j 0 /app /venv/lib


FROM python:3.13-slim

# Nothing is installed in the running image, so what installs is not needed in it.
RUN python -m pip uninstall --yes --quiet --root-user-action ignore pip \
    && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin app \
    && install -d -o app -g app -m 0700 /data

COPY --from=packages /venv /venv
COPY --from=packages /app /app

ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/data

WORKDIR /app
USER 10001:10001
VOLUME /data
EXPOSE 8000

HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]

ENTRYPOINT ["python", "-m", "oauth_helper"]
