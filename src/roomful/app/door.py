"""The front door and the hub in Rust, made from the settings: where it listens and what it takes. Called by `app.parts`.

A WebSocket's Origin is checked by each edge, in its own way, so the door lets every one through.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from roomful._native.hub import FOREIGN, Hub, HubError
from roomful.app.descriptors import connections
from roomful.app.listen import addresses_of, bind
from roomful.config.settings import Settings
from roomful.core.errors import ConfigError
from roomful.edge.muaz import endpoint as muaz
from roomful.edge.peerjs import endpoint as peerjs
from roomful.edge.relay import endpoint as relay
from roomful.hub.adapter import HubAdapter

PATHS = ("/rtc", "/rtc/v1", "/agent", relay.PATH, muaz.PATH, *peerjs.PATHS)
"""Of WebSockets that the door takes; everything else, python-socketio's too, goes to uvicorn behind it."""


SLACK_MS = 10_000
"""Hooks have their deadline in Python, where its passing is logged; a handshake may also wait for its room."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen, and the Unix socket behind."""

    backend: Path
    certificate: Path | None = None
    """PEM with chain and key; None for no https."""


def backend_path() -> Path:
    """In a new directory of this user's own; whoever asks removes both."""
    return Path(tempfile.mkdtemp(prefix="roomful-")) / "http"


def remove_backend(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.parent.rmdir()


def hub_of(settings: Settings, own: Iterable[str], place: Place | None) -> HubAdapter:
    """Raises ConfigError (`port_taken` …)."""
    deadline_ms = int(settings.policy.hook_deadline_s * 1_000) + SLACK_MS
    if place is None:
        return HubAdapter(_started(hook_deadline_ms=deadline_ms), foreign=FOREIGN)
    tls_port = None if place.certificate is None else settings.https_port
    for port, flag in ((settings.port, "--port"), (tls_port, "--https-port")):
        # Python says whose a taken port is, and what to do; the door then takes it.
        for probe in bind(settings.bind, port, flag=flag) if port else ():
            probe.close()
    certificate = None if place.certificate is None else str(place.certificate)
    return HubAdapter(
        _started(
            addresses=addresses_of(settings.bind),
            port=settings.port,
            tls_port=tls_port,
            certificate=certificate,
            private_key=certificate,
            backend=str(place.backend),
            open_paths=tuple(dict.fromkeys((*own, *PATHS))),
            hook_deadline_ms=deadline_ms,
            max_connections=connections(),
        ),
        foreign=FOREIGN,
    )


def _started(**options: object) -> Hub:
    try:
        return Hub(**options)  # type: ignore[arg-type]
    except HubError as error:
        code = "port_taken" if error.code == "port_taken" else "config"
        raise ConfigError(f"the front door did not start: {error}", code=code) from None
