# The command line and the workflow, in the versions of requirements.lock. See docs/install.md.
# pip wheel --no-deps --wheel-dir dist . && docker build --tag dia .
FROM python:3.11-slim
COPY requirements.lock dist/dia_pipeline-*.whl /opt/dia/
# libgomp is what numba's threads are made with; without it, several at once are not safe.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -r /var/lib/apt/lists
RUN pip install --no-cache-dir --constraint /opt/dia/requirements.lock \
    "$(echo /opt/dia/dia_pipeline-*.whl)[workflow,slurm,video,formats]"
ENV DIA_CACHE=/cache
WORKDIR /work
