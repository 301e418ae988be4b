"""What a person reads when the server is up: where to go, with which key, and a QR code for the phone.

Called by `roomful serve`. Of secrets it shows only the dev key, which everybody knows, and the host link, which is for
whoever started the server.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from roomful import __version__

if TYPE_CHECKING:
    from roomful.app import Roomful


def banner(server: Roomful, *, color: bool) -> str:
    settings = server.settings
    known = server.credentials
    strong, plain = ("\033[1m", "\033[0m") if color else ("", "")
    link = "" if settings.dev else f"/#host={known.secrets.host_key}"
    host = local_host(settings.bind)
    lines = [f"{strong}Roomful {__version__}{plain}"]
    lines.append(f"  on this machine   {strong}http://{host}:{server.port}{link or '/'}{plain}")
    address = ""
    if server.https_port is not None:
        address = f"https://{server.https_host}:{server.https_port}"
        lines.append(f"  on your network   {strong}{address}{link or '/'}{plain}")
        lines.append(f"  if it warns       {address}/ca tells how to trust this server's certificates")
    lines.append(f"  for SDKs          ws://{host}:{server.port}")
    if settings.dev:
        key, secret = next(iter(known.keys.items()))
        lines.append(f"  key and secret    {key} / {secret}" + ("" if settings.keys else "  (everybody knows them)"))
    else:
        lines.append(f"  API key           {next(iter(known.keys))}  (its secret is in {settings.data_dir})")
        lines.append("  host link         who has it opens rooms; others join rooms that are open")
    udp = f"{settings.rtc_udp_port}" if settings.rtc_udp_port else "any"
    if settings.rtc_udp_port and settings.threads > 1:
        udp += f"-{settings.rtc_udp_port + settings.threads - 1}"
    tcp = "off" if settings.rtc_tcp_port is None else settings.rtc_tcp_port or "any"
    lines.append(f"  media ports       UDP {udp}, TCP {tcp}")
    if address:
        lines += ["", qr(f"{address}{link or '/'}")]
    return "\n".join(lines)


def local_host(bind: tuple[str, ...]) -> str:
    """The name under which a browser on this machine gets a camera: localhost where that is listened on."""
    for address in bind:
        if address in ("0.0.0.0", "127.0.0.1", "::", "::1"):
            return "localhost" if address in ("0.0.0.0", "::") else f"[{address}]" if ":" in address else address
    return f"[{bind[0]}]" if ":" in bind[0] else bind[0]


def qr(text: str) -> str:
    """Half blocks, light on dark terminals and dark on light ones alike."""
    import segno

    out = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out, compact=True, border=2)
    return out.getvalue().rstrip("\n")
