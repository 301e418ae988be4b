"""Janus from Debian as a peer for `forward`: its video room, reached through its WebSocket transport.

Called by `benches/forward.py` when `janus` is installed (`apt install janus`). Reads and writes nothing of the system's own
configuration: plugins and transports that are not needed are left out, candidates are in the offers, and nothing is logged.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benches.network import Network
from benches.processes import end

PORT = 17890

CORE = """
general: {{ configs_folder = "{folder}" debug_level = 2 log_to_stdout = true session_timeout = 600 }}
nat: {{ ice_lite = true ignore_mdns = true }}
media: {{ ipv6 = false }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
events: {{ broadcast = false }}
"""
"""Without certificates Janus makes one of its own."""
SOCKETS = """
general: {{ json = "plain" ws = true ws_port = {port} ws_ip = "{address}" wss = false }}
admin: {{ admin_ws = false admin_wss = false }}
"""
PLUGINS = (
    "audiobridge", "duktape", "echotest", "lua", "nosip", "recordplay", "sip", "streaming", "textroom", "videocall", "voicemail",
)  # fmt: skip
TRANSPORTS = ("http", "mqtt", "nanomsg", "pfunix", "rabbitmq")


def version() -> str | None:
    """What is installed, in words; nothing where it is not."""
    if shutil.which("janus") is None:
        return None
    if shutil.which("dpkg-query") is None:
        return "Janus"
    command = ["dpkg-query", "--show", "--showformat", "${Version}", "janus"]
    return f"Janus {subprocess.run(command, capture_output=True, text=True, check=False).stdout}".strip()


@contextmanager
def janus(net: Network) -> Iterator[tuple[str, int]]:
    """Its address and its process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plugins = ",".join(f"libjanus_{plugin}.so" for plugin in PLUGINS)
        transports = ",".join(f"libjanus_{transport}.so" for transport in TRANSPORTS)
        (folder / "janus.jcfg").write_text(CORE.format(folder=name, plugins=plugins, transports=transports))
        sockets = SOCKETS.format(port=PORT, address=net.address)
        (folder / "janus.transport.websockets.jcfg").write_text(sockets)
        (folder / "janus.plugin.videoroom.jcfg").write_text("general: { }\n")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*net.server, "janus", "--configs-folder", name, "--config", str(folder / "janus.jcfg")],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            yield f"{net.address}:{PORT}", process.pid
        finally:
            end(process)
            if process.returncode not in (0, -15):
                print((folder / "log").read_text()[-2000:])
