# One image, two surfaces (see docker-compose.yml). Its steps are the Makefile's.
FROM python:3.12-slim

RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
RUN useradd --system --create-home --home-dir /signpost signpost
WORKDIR /signpost
COPY --chown=signpost Makefile setup.cfg pyproject.toml requirements.lock README.md LICENSE ./
COPY --chown=signpost app app
COPY --chown=signpost experiments experiments
COPY --chown=signpost stats stats
USER signpost
RUN make install EDITABLE=

ENV PATH=/signpost/.venv/bin:$PATH SIGNPOST_HOST=0.0.0.0 PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["signpost", "serve"]
