"""A certificate as one HTML page that needs nothing else."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

from fimbria.atomic import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from fimbria.data.audit.certificate import Certificate


def html_of(certificate: Certificate) -> str:
    """Give a certificate as HTML: no script, nothing fetched from elsewhere; the same certificate gives the same bytes."""
    template = resources.files("fimbria.data.audit") / "resources" / "certificate.html"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    accepted = {acceptance.id: acceptance.because for acceptance in certificate.accepted}
    page = environment.from_string(template.read_text(encoding="utf-8"))
    return page.render(certificate=certificate, accepted=accepted)


def write(certificate: Certificate, folder: Path) -> None:
    """Write a certificate beside what it is of: ``certificate.json``, and ``certificate.html`` for people."""
    certificate.write(folder / "certificate.json")
    write_text(folder / "certificate.html", html_of(certificate))
