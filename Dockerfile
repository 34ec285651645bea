# ppt-dist with the versions of constraints.txt; docs/gpu.md says how to build it for CPU and for CUDA.
# A base has python3 3.11 or later, or apt to install it from.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}

SHELL ["/bin/bash", "-euo", "pipefail", "-c"]

# A base of CUDA has no Python: it takes that of its distribution, whose release is part of the base's tag.
# hadolint ignore=DL3008
RUN if ! command -v python3 >/dev/null; then \
      apt-get update; \
      apt-get install -y --no-install-recommends python3 python3-venv; \
      rm -rf /var/lib/apt/lists/*; \
    fi; \
    python3 -m venv /opt/ppt-dist; \
    useradd --create-home --uid 10001 ppt; \
    install -d -o ppt -g ppt /data

ENV PATH="/opt/ppt-dist/bin:${PATH}" \
    PYTHONUNBUFFERED=1 \
    RAY_USAGE_STATS_ENABLED=0

# First torch alone, from its own index if one is given: what it depends on comes with the rest.
WORKDIR /src
COPY constraints.txt ./
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir --no-deps -c constraints.txt \
      ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"} torch torchvision

COPY pyproject.toml README.md LICENSE NOTICE ./
COPY ppt_dist ppt_dist
COPY shards shards
COPY cluster cluster
COPY configs configs
RUN pip install --no-cache-dir -c constraints.txt .

USER 10001
WORKDIR /data
ENTRYPOINT ["ppt-dist"]
CMD ["--help"]
