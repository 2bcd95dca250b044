"""A throw-away certificate authority, made with openssl: good certificates and every kind of bad one."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

CONFIG = """\
[ca]
default_ca = this
[this]
dir = {folder}
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
[wrong_usage]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
"""


@dataclass(frozen=True)
class Certificate:
    chain: Path
    key: Path


class Authority:
    """One root; issues server certificates on demand.  A folder that goes with the context."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="waybill-ca-"))
        self._made = 0
        (self.folder / "config").write_text(CONFIG.format(folder=self.folder))
        (self.folder / "index.txt").write_text("")
        (self.folder / "serial").write_text("1000\n")
        self.root = self.folder / "root.pem"
        self._root_key = self.folder / "root.key"
        self._run(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "3650",
            "-subj",
            "/CN=Waybill test root",
            "-keyout",
            str(self._root_key),
            "-out",
            str(self.root),
            "-config",
            str(self.folder / "config"),
            "-extensions",
            "authority",
        )

    def __enter__(self) -> "Authority":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"openssl {' '.join(arguments)}: {done.stderr}")

    def issue(
        self,
        *names: str,
        start: str = "20200101000000Z",
        end: str = "20400101000000Z",
        extensions: str = "leaf",
        digest: str = "sha256",
        key: tuple[str, ...] = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
    ) -> Certificate:
        """A certificate for DNS names (or `IP:1.2.3.4`)."""
        self._made += 1
        base = self.folder / f"leaf{self._made}"
        request, chain, private = base.with_suffix(".csr"), base.with_suffix(".pem"), base.with_suffix(".key")
        alternative = ",".join(name if name.startswith("IP:") else f"DNS:{name}" for name in names)
        config = ["-config", str(self.folder / "config")]
        self._run(
            "req",
            "-new",
            "-newkey",
            *key,
            "-nodes",
            "-subj",
            f"/CN={names[0].removeprefix('IP:')}",
            "-addext",
            f"subjectAltName={alternative}",
            "-keyout",
            str(private),
            "-out",
            str(request),
            *config,
        )
        self._run(
            "ca",
            "-batch",
            "-notext",
            "-cert",
            str(self.root),
            "-keyfile",
            str(self._root_key),
            "-md",
            digest,
            "-startdate",
            start,
            "-enddate",
            end,
            "-extensions",
            extensions,
            "-in",
            str(request),
            "-out",
            str(chain),
            *config,
        )
        return Certificate(chain, private)

    def self_signed(self, name: str) -> Certificate:
        base = self.folder / f"self{self._made}"
        chain, private = base.with_suffix(".pem"), base.with_suffix(".key")
        self._run(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "3650",
            "-subj",
            f"/CN={name}",
            "-addext",
            f"subjectAltName=DNS:{name}",
            "-keyout",
            str(private),
            "-out",
            str(chain),
        )
        return Certificate(chain, private)

    def server_context(self, *names: str) -> ssl.SSLContext:
        return context_of(self.issue(*names))


def record_names(context: ssl.SSLContext) -> list[str | None]:
    """Where the server names that clients ask for are noted, None for a hello without one (RFC 6066 section 3)."""
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    return names


def context_of(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")  # so that weak certificates can be served at all
    context.load_cert_chain(certificate.chain, certificate.key)
    return context
