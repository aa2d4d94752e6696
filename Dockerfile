# One image, two surfaces (see docker-compose.yml). Its steps are the Makefile's.
FROM python:3.12-slim

RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
# A fixed number, so that the operator can give it the key file. A new volume takes the owner of the folder it covers.
RUN useradd --uid 10001 --create-home --home-dir /signpost --shell /usr/sbin/nologin signpost \
    && install -d -o signpost -m 700 /spool
WORKDIR /signpost
COPY --chown=signpost Makefile setup.cfg pyproject.toml requirements.lock README.md LICENSE ./
COPY --chown=signpost app app
COPY --chown=signpost experiments experiments
COPY --chown=signpost stats stats
USER signpost
RUN make install EDITABLE=

# The staff surfaces have no accounts yet, so they must be asked for.
ENV PATH=/signpost/.venv/bin:$PATH PYTHONUNBUFFERED=1 SIGNPOST_HOST=0.0.0.0 SIGNPOST_SURFACES=public
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["signpost", "serve"]
