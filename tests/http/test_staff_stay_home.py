"""Staff surfaces have no accounts yet: they stay on loopback, under this machine's own name."""

import pytest

from app.settings import Settings, require_loopback
from experiments.errors import InvalidInput

PAGES = ("/", "/experiments/four-lines", "/v1/experiments", "/v1/experiments/four-lines/results")


@pytest.mark.parametrize("path", PAGES)
def test_a_strange_name_is_refused(service, path):
    """A web page whose name suddenly leads to loopback must not read results."""
    service.shown("someone")
    assert service.get(path, headers={"Host": "attacker.example"}).status_code == 403
    assert service.get(path, headers={"Host": "127.0.0.1:8000"}).status_code == 200


def test_integrators_come_under_any_name(service):
    assert service.get("/healthz", headers={"Host": "signpost.example"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "surfaces", "anywhere", "allowed"),
    [
        ("127.0.0.1", "public,research,review", "0", True),
        ("0.0.0.0", "public,research,review", "0", False),
        ("0.0.0.0", "review", "0", False),
        ("0.0.0.0", "public", "0", True),
        ("0.0.0.0", "research,review", "1", True),
    ],
)
def test_staff_surfaces_listen_on_loopback(host, surfaces, anywhere, allowed):
    wanted = {"SIGNPOST_HOST": host, "SIGNPOST_SURFACES": surfaces, "SIGNPOST_STAFF_ANYWHERE": anywhere}
    settings = Settings.read(wanted)
    if allowed:
        require_loopback(settings)
    else:
        with pytest.raises(InvalidInput, match="SIGNPOST_HOST must be a loopback address while"):
            require_loopback(settings)
