"""The compose file and the Dockerfile held against the code: no Docker engine is needed to find them wrong."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
import redis
from flask import request
from werkzeug.serving import make_server

from app import LARGEST_BODY, create_app
from app.cli import signpost
from app.problems import KINDS
from app.public.bulk import LARGEST as LARGEST_BATCH
from app.server import IDLE_MILLISECONDS, STOP_SECONDS
from app.settings import SETTINGS, SURFACES, Settings, require_loopback
from experiments.store import Store, embedded
from experiments.store.connection import connect
from experiments.store.program import Program, find_program
from experiments.store.settings import condition
from tests.proxy import COMPOSE, CONFIGURATION, PUBLIC, SERVICES, Proxy, free_port, proxied, until

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
OURS = (*PUBLIC, "staff")
STORES = ("ledger", "volatile")


def given(service: str) -> dict[str, str]:
    """A service's environment with its variables filled in."""
    found = SERVICES[service]["environment"]
    return {name: re.sub(r"\$\{\w+:\?[^}]*\}", "filled", value) for name, value in found.items()}


def test_the_services_are_those_that_are_promised() -> None:
    assert set(SERVICES) == {*OURS, *STORES, "proxy"}
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert {SERVICES[name]["image"] for name in OURS} == {f"signpost:{setup['metadata']['version']}"}
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in SERVICES.values())
    assert all(service["security_opt"] == ["no-new-privileges:true"] for service in SERVICES.values())
    assert all(service["ulimits"] == {"core": 0} for service in SERVICES.values())
    assert all("healthcheck" in service for service in SERVICES.values())


def test_images_have_a_version_and_come_from_no_named_registry() -> None:
    base = re.findall(r"^FROM (\S+)$", DOCKERFILE, re.MULTILINE)
    for image in [*base, *(service["image"] for service in SERVICES.values())]:
        name, _, tag = image.partition(":")
        assert re.match(r"\d+\.\d+", tag), image
        assert "." not in name.partition("/")[0], image
    assert not re.search(r"https?://(?!127\.0\.0\.1|public;)", TEXT + DOCKERFILE)


def test_nothing_asks_for_what_a_confined_container_cannot_do() -> None:
    # The stores' image starts as root and changes its user, which takes capabilities that are dropped here.
    assert all(SERVICES[name]["user"] == "valkey" for name in STORES)
    # An inline `configs:` and a secret from a variable are copied into the container, which is read-only here.
    assert "configs" not in COMPOSE
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())


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
    settings = Settings.read({**given(service), SETTINGS["surfaces"].name: surfaces})
    require_loopback(settings)
    assert settings.staff_anywhere == (service == "staff")
    assert settings.host == "0.0.0.0"
    assert connect(settings.ledger_url, timeout=1)
    assert connect(settings.volatile_url, timeout=1)
    assert str(settings.key_file) == "/run/secrets/signpost_keys"
    assert "signpost_keys" in SERVICES[service]["secrets"]


def test_each_surface_is_served_once() -> None:
    served = [name for service in ("public-1", "staff") for name in SERVICES[service]["command"][-1].split(",")]
    assert sorted(served) == sorted(SURFACES)


@pytest.mark.parametrize("service", OURS)
def test_the_health_check_asks_for_a_route_that_the_service_has(service: str, tmp_path: Path) -> None:
    (address,) = re.findall(r"'(http://127\.0\.0\.1:8000\S*)'", SERVICES[service]["healthcheck"]["test"][-1])
    settings = Settings.read({"SIGNPOST_VAR": str(tmp_path)})
    store = Store.open("redis://127.0.0.1:1", "redis://127.0.0.1:1")
    app = create_app(settings, store=store, surfaces=SERVICES[service]["command"][-1].split(","))
    assert app.test_client().get(address.removeprefix("http://127.0.0.1:8000")).status_code == 200


def test_the_public_services_are_alike_but_for_their_spools() -> None:
    first, second = ({**SERVICES[name], "volumes": None} for name in PUBLIC)
    assert first == second
    folder = given("public-1")["SIGNPOST_SPOOL"]
    volumes = [SERVICES[name]["volumes"] for name in PUBLIC]
    assert volumes == [[f"spool-1:{folder}"], [f"spool-2:{folder}"]]
    assert {"spool-1", "spool-2"} <= set(COMPOSE["volumes"])
    assert f"install -d -o signpost -m 700 {folder}\n" in DOCKERFILE, "a volume takes the owner of what it covers"


def test_the_public_service_waits_for_no_store() -> None:
    assert not any("depends_on" in SERVICES[name] for name in PUBLIC)
    assert SERVICES["proxy"]["depends_on"] == list(PUBLIC)


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert SERVICES["proxy"]["ports"] == ["443:8443"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["staff"]["ports"])
    assert not any("ports" in SERVICES[name] for name in (*PUBLIC, *STORES))
    assert set(SERVICES["proxy"]["networks"]) & set(SERVICES["public-1"]["networks"]) == {"inside"}
    assert not set(SERVICES["proxy"]["networks"]) & {*SERVICES["staff"]["networks"], "stores"}
    assert all(SERVICES[name]["networks"] == ["stores"] for name in STORES)


def test_the_public_service_and_the_stores_have_no_way_out() -> None:
    for name in (*PUBLIC, *STORES):
        assert all(COMPOSE["networks"][network] == {"internal": True} for network in SERVICES[name]["networks"])


def test_secrets_are_required_and_none_is_written_down() -> None:
    variables = re.findall(r"\$\{(\w+)([^}]*)\}", TEXT.replace("$$", ""))
    assert {name for name, _ in variables} == {
        "SIGNPOST_LEDGER_PASSWORD", "SIGNPOST_VOLATILE_PASSWORD", "SIGNPOST_KEY_FILE", "SIGNPOST_PUBLIC_URL",
        "SIGNPOST_TLS_CERTIFICATE", "SIGNPOST_TLS_KEY",
    }  # fmt: skip
    assert all(rest.startswith(":?") for _, rest in variables), "a variable without :? may be empty"
    for service in STORES:
        assert options(service)["requirepass"].startswith(f"${{SIGNPOST_{service.upper()}_PASSWORD:?")


def test_keys_and_data_lie_apart() -> None:
    assert SERVICES["ledger"]["volumes"] == ["ledger:/data"]
    assert not any("volumes" in SERVICES[name] for name in SERVICES if name not in ("ledger", *PUBLIC))
    assert not any("secrets" in SERVICES[name] for name in STORES)
    assert set(SERVICES["proxy"]["secrets"]) == {"tls_certificate", "tls_key"}
    assert SERVICES["volatile"]["tmpfs"] == ["/data:mode=1777"]


def options(service: str) -> dict[str, str]:
    """The settings on a store's command line."""
    command = SERVICES[service]["command"][1:]
    return {name.removeprefix("--"): value for name, value in zip(command[::2], command[1::2], strict=True)}


def test_the_stores_promise_what_private_ones_do() -> None:
    valkey = Program("valkey-server", "valkey", (8, 1, 0))
    shared = {name: embedded.COMMON[name] for name in ("save", "maxmemory-policy", "slowlog-log-slower-than")}
    assert (shared | embedded.ledger_options(valkey)).items() <= options("ledger").items()
    assert (shared | embedded.VOLATILE).items() <= options("volatile").items()


NEWER = {"aof-timestamp-enabled": (7, 0), "hide-user-data-from-log": (7, 4)}  # settings, and the first Redis with them


def known(service: str, program: Program) -> list[str]:
    """The store's command line, without what an older Redis does not know."""
    words = []
    for name, value in options(service).items():
        if program.kind == "valkey" or program.version >= NEWER.get(name, (0,)):
            words += [f"--{name}", value]
    return words


@contextmanager
def started(service: str, folder: Path, *more: str) -> Iterator[redis.Redis]:
    """A client of a real server with a store's command line; an option given again replaces the first."""
    program = find_program()
    folder.mkdir(exist_ok=True)
    socket_path, password = folder / "s", options(service)["requirepass"]
    command = [program.path, "--port", "0", "--unixsocket", str(socket_path), "--dir", str(folder)]
    with subprocess.Popen([*command, *known(service, program), *more], stdout=subprocess.DEVNULL) as server:
        try:
            until(socket_path.exists, f"{service} did not start")
            with redis.Redis(unix_socket_path=str(socket_path), password=password) as client:
                yield client
        finally:
            server.terminate()


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with room for a socket's path, which has 107 bytes at most."""
    return tmp_path_factory.mktemp("d")


def test_a_real_server_with_these_options_keeps_the_promises(short: Path) -> None:
    with started("ledger", short / "l") as ledger, started("volatile", short / "v") as volatile:
        found = condition(ledger, volatile)
    assert (found.durability, found.problems, found.notices) == ("single", (), ())


def client_program() -> str:
    for name in ("valkey-cli", "redis-cli"):
        found = shutil.which(name)
        if found and "-e " in subprocess.run([found, "--help"], capture_output=True, text=True, check=False).stdout:
            return found
    pytest.skip("no redis-cli 7.0 or newer on this machine (see .ci/system-packages)")


@pytest.mark.parametrize("service", STORES)
def test_a_stores_health_check_needs_the_password(service: str, short: Path) -> None:
    how, name, *words = SERVICES[service]["healthcheck"]["test"]
    assert (how, name) == ("CMD", "valkey-cli")
    password = options(service)["requirepass"]
    assert SERVICES[service]["environment"] == {"REDISCLI_AUTH": password}
    program = client_program()
    with started(service, short / "h"):
        for text, healthy in ((password, True), ("wrong", False)):
            command = [program, "-s", str(short / "h" / "s"), *words]
            done = subprocess.run(command, env={"REDISCLI_AUTH": text}, capture_output=True, check=False)
            assert (done.returncode == 0) == healthy


def test_a_copy_of_the_ledger_comes_back_in_the_order_that_operations_gives(short: Path) -> None:
    with started("ledger", short / "old") as ledger:
        ledger.set("count", 7)
        ledger.save()
    (short / "new").mkdir()
    shutil.copy(short / "old" / "dump.rdb", short / "new" / "dump.rdb")
    with started("ledger", short / "new", "--appendonly", "no") as ledger:
        assert ledger.config_set("appendonly", "yes")
        until(lambda: not is_rewriting(ledger), "the copy was not rewritten")
    with started("ledger", short / "new") as ledger:
        assert ledger.get("count") == b"7"
    (short / "trap").mkdir()
    shutil.copy(short / "old" / "dump.rdb", short / "trap" / "dump.rdb")
    with started("ledger", short / "trap") as ledger:
        assert ledger.get("count") is None, "then operations.md need not warn of it"


def is_rewriting(ledger: redis.Redis) -> bool:
    told = ledger.info("persistence")
    return bool(told["aof_rewrite_in_progress"] or told["aof_rewrite_scheduled"])


def test_the_proxy_logs_nobody_caches_nothing_and_limits_bodies_as_the_service_does() -> None:
    said = [line.strip() for line in CONFIGURATION.splitlines()]
    assert {"access_log off;", "error_log /dev/stderr emerg;", "proxy_request_buffering on;"} <= set(said)
    assert {"client_body_timeout 5s;", "client_header_timeout 5s;", "send_timeout 10s;"} <= set(said)
    assert f"client_max_body_size {LARGEST_BODY // 1024}k;" in said
    assert f"client_max_body_size {LARGEST_BATCH // 1024 // 1024}m;" in said
    assert "keepalive_timeout 15s;" in said
    assert IDLE_MILLISECONDS > 15_000, "the service must not be the first to close a connection"
    assert not re.search(r"_cache|limit_req|map|if \(", CONFIGURATION)
    assert said.count("proxy_set_header X-Forwarded-For $remote_addr;") == 1
    assert given("public-1")["SIGNPOST_TRUSTED_PROXIES"] == "1"
    assert CONFIGURATION.count("{") == CONFIGURATION.count("}")
    assert all(line.endswith((";", "{", "}")) or line.startswith("#") for line in said if line)
    assert "tls_certificate;" in CONFIGURATION
    assert SERVICES["proxy"]["ports"][0].rpartition(":")[2] in CONFIGURATION


def test_a_stopping_service_has_time_for_every_answer_that_the_proxy_waits_for() -> None:
    longest = max(int(seconds) for seconds in re.findall(r"proxy_read_timeout (\d+)s;", CONFIGURATION))
    assert longest < STOP_SECONDS < int(SERVICES["public-1"]["stop_grace_period"].removesuffix("s"))


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    """The proxy in front of nothing yet."""
    with proxied(tmp_path, (free_port(), free_port())) as made:
        yield made


@contextmanager
def public_service(port: int, tmp_path: Path) -> Iterator[list[int]]:
    """The public surface as the compose file sets it up, its stores away; /seen tells what it believes.

    Yields the lengths of the bodies of batches.
    """
    names = ("SIGNPOST_TRUSTED_PROXIES",)
    environment = {"SIGNPOST_VAR": str(tmp_path / "var"), **{name: given("public-1")[name] for name in names}}
    store = Store.open("redis://127.0.0.1:1", "redis://127.0.0.1:1")
    app = create_app(Settings.read(environment), store=store, surfaces=["public"])
    app.add_url_rule("/seen", view_func=lambda: {"address": request.remote_addr, "url": request.host_url})
    sizes: list[int] = []
    app.before_request(
        lambda: sizes.append(request.content_length or 0) if request.path.startswith("/v1/events") else None
    )
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield sizes
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_real_nginx_leads_to_the_public_surface(proxy: Proxy, tmp_path: Path) -> None:
    with public_service(proxy.services[0], tmp_path):
        status, headers, _ = proxy.ask("GET", "/healthz")
        assert status == 200
        assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
        assert headers["Cache-Control"] == "no-store"
        assert proxy.ask("GET", "/metrics")[0] == 404
        forged = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "ftp", "Host": "signpost.example"}
        seen = json.loads(proxy.ask("GET", "/seen", **forged)[2])
        assert seen == {"address": "127.0.0.1", "url": "https://signpost.example/"}
        assert proxy.ask("POST", "/v1/outcomes", "x" * LARGEST_BODY)[0] == 400, "the service answers this one"
        status, headers, body = proxy.ask("POST", "/v1/outcomes", "x" * (LARGEST_BODY + 1))
        assert (status, headers["Content-Type"]) == (413, "application/problem+json")
        code = json.loads(body)["type"].removeprefix("/problems/")
        assert (KINDS[code].status, proxy.ask("GET", f"/problems/{code}")[0]) == (413, 200)


@pytest.mark.parametrize("alive", [0, 1])
def test_a_real_nginx_asks_whichever_service_is_there(proxy: Proxy, tmp_path: Path, alive: int) -> None:
    with public_service(proxy.services[alive], tmp_path):
        answers = [proxy.ask("POST", "/v1/outcomes", "{")[0] for _ in range(10)]
        assert answers == [400] * 10, "every one of them reached the service, none the proxy's own error"


def test_a_real_nginx_takes_batches_of_four_mebibytes_in_one_place(proxy: Proxy, tmp_path: Path) -> None:
    with public_service(proxy.services[0], tmp_path) as sizes:
        proxy.ask("POST", "/v1/events", "x" * LARGEST_BATCH)
        assert sizes == [LARGEST_BATCH]
        assert proxy.ask("POST", "/v1/events", "x" * (LARGEST_BATCH + 1))[0] == 413
        assert proxy.ask("POST", "/v1/eventss", "x" * (LARGEST_BODY + 1))[0] == 413
        assert sizes == [LARGEST_BATCH], "the proxy refuses the rest"


def test_a_real_nginx_says_when_to_come_again(proxy: Proxy, tmp_path: Path) -> None:
    status, headers, body = proxy.ask("POST", "/v1/outcomes", "{}")
    assert (status, headers["Content-Type"], headers["Retry-After"]) == (503, "application/problem+json", "2")
    assert json.loads(body)["status"] == 503
    with public_service(proxy.services[0], tmp_path):
        assert proxy.ask("GET", "/healthz")[0] == 200


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


def test_the_image_by_itself_shows_nobody_the_staff_surfaces() -> None:
    (line,) = re.findall(r"^ENV (.+)$", DOCKERFILE, re.MULTILINE)
    names = dict(word.split("=", 1) for word in line.split())
    ours = {name: value for name, value in names.items() if name.startswith("SIGNPOST_")}
    assert set(ours) <= {setting.name for setting in SETTINGS.values()}
    settings = Settings.read(ours)
    require_loopback(settings)
    assert (settings.host, settings.surfaces) == ("0.0.0.0", ("public",))
    (port,) = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
    assert int(port) == settings.port == int(given("public-1")["PORT"])
    (address,) = re.findall(r"^HEALTHCHECK .*'(http://\S+)'", DOCKERFILE, re.MULTILINE)
    assert address == f"http://127.0.0.1:{port}/healthz"


def test_operations_lists_every_setting_as_it_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", OPERATIONS, re.MULTILINE)
    wanted = [
        (s.name, f"`{s.default}`" if s.default else "empty", s.unit.replace(" | ", " or "), s.help)
        for s in SETTINGS.values()
    ]
    assert [row for row in rows if row[0] in {s.name for s in SETTINGS.values()}] == wanted


def test_operations_names_the_users_who_must_read_the_files() -> None:
    (user,) = re.findall(r"^RUN useradd --uid (\d+) ", DOCKERFILE, re.MULTILINE)
    assert f"chown {user} " in OPERATIONS
    for name in re.findall(r"\$\{(\w+):\?", TEXT):
        assert name in OPERATIONS
