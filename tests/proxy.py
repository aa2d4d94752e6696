"""The compose file's proxy as a real nginx on this machine's loopback, in front of two services."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

COMPOSE = yaml.safe_load((Path(__file__).parents[1] / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
PUBLIC = ("public-1", "public-2")
CONFIGURATION = str(SERVICES["proxy"]["environment"]["NGINX_CONFIGURATION"]).replace("$$", "$")


def until(is_true: Callable[[], bool], what: str) -> None:
    for _ in range(500):
        if is_true():
            return
        time.sleep(0.01)
    raise AssertionError(what)


def nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("no nginx on this machine (see .ci/system-packages)")
    return found


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Proxy:
    """The proxy's own command, with paths and ports of this machine."""

    folder: Path
    port: int
    services: tuple[int, int]

    def environment(self) -> dict[str, str]:
        text = CONFIGURATION.replace("8443", f"127.0.0.1:{self.port}")
        for name, port in zip(PUBLIC, self.services, strict=True):  # `resolve` needs nginx 1.27.3, and names
            text = text.replace(f"{name}:8000 resolve", f"127.0.0.1:{port}")
        text = text.replace("/tmp/", f"{self.folder}/").replace("/run/secrets/tls_", f"{self.folder}/")
        text = text.replace("/dev/stderr", f"{self.folder}/errors")
        user = (
            "user root;\n" if os.geteuid() == 0 else ""
        )  # as root it would change to a user who may not see the folder
        return {"NGINX_CONFIGURATION": user + text, "PATH": f"{Path(nginx()).parent}:{os.environ['PATH']}"}

    @property
    def command(self) -> list[str]:
        (text,) = SERVICES["proxy"]["command"]
        return [*SERVICES["proxy"]["entrypoint"], text.replace("$$", "$").replace("/tmp/", f"{self.folder}/")]

    def make_certificate(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(key, hashes.SHA256())
        )
        (self.folder / "certificate").write_bytes(made.public_bytes(Encoding.PEM))
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / "key").write_bytes(secret)

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
        trusted = ssl.create_default_context(cafile=self.folder / "certificate")
        line = http.client.HTTPSConnection("127.0.0.1", self.port, context=trusted, timeout=10)
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            line.close()


@contextmanager
def proxied(folder: Path, services: tuple[int, int]) -> Iterator[Proxy]:
    """The proxy in front of two services at these ports."""
    made = Proxy(folder, free_port(), services)
    environment = made.environment()
    made.make_certificate()
    with subprocess.Popen(made.command, env=environment) as server:
        try:
            until(lambda: is_open(made.port), "nginx did not start")
            yield made
        finally:
            server.terminate()
    assert (folder / "errors").read_text() == "", "a line in the log may quote a caller"


def is_open(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
