"""A daemon on the network, asked over TLS."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import runyard
import runyard.aio
from yard import Yard

HERE = "127.0.0.1"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*args: str | Path) -> None:
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


def authority(at: Path) -> Path:
    about = ("-subj", f"/CN={at.name}", "-days", "30")
    openssl("req", "-x509", *NEW_KEY, "-keyout", at.with_suffix(".key"), "-out", at.with_suffix(".pem"), *about)
    return at.with_suffix(".pem")


def issue(ca: Path, at: Path, names: str) -> tuple[Path, Path]:
    cert, key, request, extensions = (at.with_suffix(end) for end in (".pem", ".key", ".csr", ".ext"))
    extensions.write_text(f"subjectAltName={names}\n")
    openssl("req", "-new", *NEW_KEY, "-keyout", key, "-out", request, "-subj", "/CN=runyard")
    signer = ("-CA", ca, "-CAkey", ca.with_suffix(".key"), "-CAcreateserial", "-extfile", extensions)
    openssl("x509", "-req", "-in", request, "-out", cert, "-days", "30", *signer)
    return cert, key


class Place:
    """A yard that listens on all that the machine has, and who signed for it."""

    def __init__(self, yard: Yard, ca: Path, other: Path) -> None:
        self.yard, self.ca, self.other = yard, ca, other
        self.port = yard.client.health().tcp.rpartition(":")[2]
        self.address = f"{HERE}:{self.port}"
        self.token = (yard.home / "token").read_text().strip()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    at = tmp_path_factory.mktemp("tls")
    ca, other = authority(at / "ours"), authority(at / "other")
    cert, key = issue(ca, at / "good", f"IP:{HERE},DNS:ws1.test")
    settings = {"listen": "0.0.0.0:0", "tls_cert": str(cert), "tls_key": str(key)}
    with Yard(settings) as yard:
        yield Place(yard, ca, other)


def test_who_trusts_its_certificate_is_let_in(place: Place) -> None:
    with runyard.connect(address=place.address, token=place.token, ca=place.ca) as client:
        assert list(client.health().tls) == ["tcp"]
        run = client.submit({"command": ["true"], "cwd": str(place.yard.home)}).run_id
        assert client.wait(run).status == "completed"

    async def same() -> str:
        async with await runyard.aio.connect(
            address=place.address, token=place.token, ca=place.ca
        ) as client:
            return (await client.get(run)).run_id

    assert asyncio.run(same()) == run
    env = {
        "RUNYARD_ADDRESS": place.address,
        "RUNYARD_TOKEN": place.token,
        "RUNYARD_CA": str(place.ca),
    }
    with runyard.connect(env=env) as client:
        assert client.get(run).run_id == run


def refused(place: Place, address: str, **how: object) -> runyard.RunyardError:
    with pytest.raises(runyard.RunyardError) as caught:
        with runyard.connect(address=address, token=place.token, **how) as client:  # type: ignore[arg-type]
            client.health()
    return caught.value


def test_everybody_else_is_told_why_not(place: Place, tmp_path: Path) -> None:
    stranger = refused(place, place.address, ca=place.other)
    assert stranger.code == "tls_failed"
    assert "did not sign" in stranger.violations[0].rule and "RUNYARD_CA" in stranger.hint
    assert refused(place, place.address, ca="public").code == "tls_failed"
    misnamed = refused(place, f"localhost:{place.port}", ca=place.ca)
    assert misnamed.code == "tls_failed" and "name in its certificate" in misnamed.violations[0].rule
    assert refused(place, place.address, ca=tmp_path / "none.pem").code == "tls_failed"
    assert "PEM" in refused(place, place.address, ca=place.yard.home / "token").message
    plain = refused(place, place.address)
    assert plain.code == "daemon_not_running"
    assert "One that encrypts wants `ca` (RUNYARD_CA)" in plain.message


def test_nothing_leaves_the_machine_in_the_clear_unless_that_is_said(place: Place) -> None:
    for address in ("192.0.2.7:7000", "ws1:7000", "[fd00::2]:7000", "0.0.0.0:7000"):
        clear = refused(place, address)
        assert clear.code == "tls_failed" and "RUNYARD_CA" in clear.hint
        # Nobody is called before something is asked.
        runyard.connect(address=address, token="x", insecure=True).close()
    for address in ("127.0.0.2:7000", "localhost:7000", "[::1]:7000"):
        runyard.connect(address=address, token="x").close()


def test_what_does_not_encrypt_is_named(place: Place) -> None:
    with Yard() as plain:
        error = refused(place, plain.client.health().tcp, ca=place.ca)
    assert error.code == "tls_failed" and "does not encrypt" in error.violations[0].rule
