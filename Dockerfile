# syntax=docker/dockerfile:1
FROM python:3.13-slim-bookworm AS build
# `embedded` has the local parsers and embedder in place of LlamaParse.
ARG REQUIREMENTS=production
WORKDIR /source
COPY requirements requirements
RUN python -m venv /lectern && \
    /lectern/bin/pip install --no-cache-dir --require-hashes \
    --requirement "requirements/${REQUIREMENTS}.txt"
COPY . .
RUN /lectern/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --create-home lectern
COPY --from=build /lectern /lectern
ENV PATH=/lectern/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LECTERN_HOST=0.0.0.0 \
    LECTERN_DATA_DIR=/data \
    LECTERN_LOG_FORMAT=json
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["lectern"]
CMD ["serve"]
