"""The compose file and the Dockerfile held against the code: no Docker engine is needed to find them wrong."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
import redis
import yaml

from app import create_app
from app.cli import signpost
from app.settings import SETTINGS, SURFACES, Settings
from experiments.store import Store
from experiments.store.connection import connect
from experiments.store.program import Program, find_program
from experiments.store.settings import condition

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
TEXT = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = ("public", "staff")
STORES = ("ledger", "volatile")


def given(service: str) -> dict[str, str]:
    """A service's environment with its variables filled in."""
    found = SERVICES[service]["environment"]
    return {name: re.sub(r"\$\{\w+:\?[^}]*\}", "filled", value) for name, value in found.items()}


def test_the_services_are_those_that_are_promised() -> None:
    assert set(SERVICES) == {"public", "staff", "ledger", "volatile", "proxy"}
    assert {SERVICES[name]["image"] for name in OURS} == {"signpost:0.1.0"}
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in SERVICES.values())
    assert all(service["ulimits"] == {"core": 0} for service in SERVICES.values())
    assert all("healthcheck" in service for service in SERVICES.values())


@pytest.mark.parametrize("service", OURS)
def test_a_service_runs_a_real_command_with_real_settings(service: str) -> None:
    program, name, *arguments = SERVICES[service]["command"]
    assert program == "signpost"
    command = signpost.get_command(click.Context(signpost), name)
    assert command is not None
    surfaces = command.make_context(name, arguments).params["surfaces"]
    assert set(surfaces.split(",")) <= set(SURFACES)
    known = {setting.name for setting in SETTINGS.values()}
    assert set(given(service)) <= known
    settings = Settings.read(given(service))
    assert settings.host == "0.0.0.0"
    assert connect(settings.ledger_url, timeout=1)
    assert connect(settings.volatile_url, timeout=1)
    assert str(settings.key_file) == "/run/secrets/signpost_keys"
    assert "signpost_keys" in SERVICES[service]["secrets"]


def test_each_surface_is_served_once() -> None:
    served = [name for service in OURS for name in SERVICES[service]["command"][-1].split(",")]
    assert sorted(served) == sorted(SURFACES)


@pytest.mark.parametrize("service", OURS)
def test_the_health_check_asks_for_a_route_that_the_service_has(service: str, tmp_path: Path) -> None:
    (address,) = re.findall(r"'(http://127\.0\.0\.1:8000\S*)'", SERVICES[service]["healthcheck"]["test"][-1])
    settings = Settings.read({"SIGNPOST_VAR": str(tmp_path)})
    store = Store.open("redis://127.0.0.1:1", "redis://127.0.0.1:1")
    app = create_app(settings, store=store, surfaces=SERVICES[service]["command"][-1].split(","))
    assert app.test_client().get(address.removeprefix("http://127.0.0.1:8000")).status_code == 200


def test_the_public_service_waits_for_no_store() -> None:
    assert "depends_on" not in SERVICES["public"]
    assert set(SERVICES["proxy"].get("depends_on", [])) <= {"public"}


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert SERVICES["proxy"]["ports"] == ["443:8443"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["staff"]["ports"])
    assert not any("ports" in SERVICES[name] for name in ("public", *STORES))
    assert set(SERVICES["proxy"]["networks"]) & set(SERVICES["public"]["networks"]) == {"outside"}
    assert "outside" not in SERVICES["staff"]["networks"]
    assert COMPOSE["networks"]["stores"] == {"internal": True}
    assert all(SERVICES[name]["networks"] == ["stores"] for name in STORES)


def test_secrets_are_required_and_none_is_written_down() -> None:
    variables = re.findall(r"\$\{(\w+)([^}]*)\}", TEXT.replace("$$", ""))
    assert {name for name, _ in variables} == {
        "SIGNPOST_LEDGER_PASSWORD", "SIGNPOST_VOLATILE_PASSWORD", "SIGNPOST_KEY_FILE", "SIGNPOST_PUBLIC_URL",
        "SIGNPOST_TLS_CERTIFICATE", "SIGNPOST_TLS_KEY",
    }  # fmt: skip
    assert all(rest.startswith(":?") for _, rest in variables), "a variable without :? may be empty"
    for service in STORES:
        command = SERVICES[service]["command"]
        assert command[command.index("--requirepass") + 1].startswith("${SIGNPOST_")


def options(service: str, program: Program) -> list[str]:
    """The store's own command line, without its password and what an older Redis does not know."""
    command = SERVICES[service]["command"][1:]
    pairs = dict(zip(command[::2], command[1::2], strict=True))
    del pairs["--requirepass"]
    if program.kind == "redis" and program.version < (7, 4):
        pairs.pop("--hide-user-data-from-log", None)
    return [word for pair in pairs.items() for word in pair]


@contextmanager
def started(service: str, folder: Path) -> Iterator[str]:
    """A real server with a store's command line."""
    program = find_program()
    folder.mkdir()
    socket = folder / "s"
    command = [program.path, "--port", "0", "--unixsocket", str(socket), "--dir", str(folder)]
    server = subprocess.Popen([*command, *options(service, program)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(500):
            if socket.exists():
                break
            time.sleep(0.01)
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait()


def test_a_real_server_with_these_options_keeps_the_promises(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    with (
        started("ledger", folder / "dl") as ledger,
        started("volatile", folder / "dv") as volatile,
        redis.Redis.from_url(ledger) as first,
        redis.Redis.from_url(volatile) as second,
    ):
        found = condition(first, second)
    assert (found.durability, found.problems, found.notices) == ("single", (), ())


def nginx_text() -> str:
    return str(COMPOSE["configs"]["nginx"]["content"]).replace("$$", "$")


def test_the_proxy_logs_nobody_and_limits_bodies_as_the_service_does() -> None:
    text = nginx_text()
    assert "access_log off;" in text
    assert "client_max_body_size 8k;" in text
    assert "proxy_cache" not in text
    assert "server public:8000;" in text
    assert given("public")["SIGNPOST_TRUSTED_PROXIES"] == "1"


def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if nginx is None:
        pytest.skip("no nginx on this machine, and none could be installed (see .ci/system-packages)")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate")],
        check=True, capture_output=True,
    )  # fmt: skip
    text = nginx_text().replace("/tmp/", f"{tmp_path}/").replace("/run/secrets/tls_", f"{tmp_path}/")
    (tmp_path / "nginx.conf").write_text(text.replace("server public:8000", "server 127.0.0.1:8000"))
    done = subprocess.run(
        [nginx, "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_images_steps_are_the_makefiles() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    steps = re.findall(r"^RUN make (\w+)", DOCKERFILE, re.MULTILINE)
    assert steps == ["install"]
    assert set(steps) <= targets
    assert "pip install" not in DOCKERFILE


def test_the_image_has_what_it_needs_and_runs_as_nobody_special() -> None:
    copied: list[Any] = re.findall(r"^COPY (?:--\S+ )?(.+)$", DOCKERFILE, re.MULTILINE)
    names = {name for line in copied for name in line.split()[:-1]}
    assert {"Makefile", "setup.cfg", "pyproject.toml", "requirements.lock", "app", "experiments", "stats"} <= names
    assert all((ROOT / name).exists() for name in names)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert {f"!{name}" for name in names} <= set(ignored)
    assert re.search(r"^USER signpost$", DOCKERFILE, re.MULTILINE)
    assert 'CMD ["signpost", "serve"]' in DOCKERFILE
