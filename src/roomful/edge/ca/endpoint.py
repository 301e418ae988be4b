"""`/ca`: this server's CA certificate, with the steps that make each system trust it. Plain HTML, no script.

Wired by `roomful.app` when the server has https; is given the certificate and never sees its key.
"""

from __future__ import annotations

import html
import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

_STEPS = (
    (
        "iPhone and iPad",
        (
            'Open <a href="/ca/roomful-ca.crt">the certificate</a> in Safari and allow the download.',
            "Settings → General → VPN &amp; Device Management: choose the profile “Roomful” and install it.",
            "Settings → General → About → Certificate Trust Settings: switch it on.",
        ),
    ),
    (
        "Android",
        (
            'Download <a href="/ca/roomful-ca.crt">the certificate</a>.',
            "Settings → Security → Encryption &amp; credentials → Install a certificate → CA certificate "
            "(the settings’ own search finds “CA certificate”).",
            "Choose the downloaded file and confirm the warning.",
        ),
    ),
    (
        "macOS",
        (
            'Download <a href="/ca/roomful-ca.crt">the certificate</a> and open it: Keychain Access takes it into “login”.',
            "Open it there, unfold “Trust” and choose “Always Trust”.",
        ),
    ),
    (
        "Windows",
        (
            'Download <a href="/ca/roomful-ca.crt">the certificate</a> and open it.',
            "Install Certificate → Current User → “Place all certificates in the following store” → "
            "“Trusted Root Certification Authorities”.",
        ),
    ),
    (
        "Linux (Chromium, Chrome)",
        (
            'Download <a href="/ca/roomful-ca.pem">the certificate</a>.',
            "Settings → Privacy and security → Security → Manage certificates → Authorities → Import, "
            "or: <code>certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n Roomful -i roomful-ca.pem</code>",
        ),
    ),
    (
        "Firefox (every system)",
        (
            'Download <a href="/ca/roomful-ca.pem">the certificate</a>.',
            "Settings → Privacy &amp; Security → Certificates → View Certificates → Authorities → Import: "
            "“Trust this CA to identify websites”.",
        ),
    ),
)

_STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:42rem;margin:0 auto;padding:1.5rem}
code{overflow-wrap:anywhere;font-size:.9em}
details{border:1px solid #8886;border-radius:.5rem;padding:.5rem 1rem;margin:.5rem 0}
summary{font-weight:600;cursor:pointer}
.go{display:inline-block;padding:.6rem 1.2rem;border-radius:.5rem;background:#2457d6;color:#fff;text-decoration:none}
a:focus-visible,summary:focus-visible{outline:3px solid #f59e0b;outline-offset:2px}
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


_HOST = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")


def routes(pem: bytes, der: bytes, fingerprint: str, *, port: int) -> list[Route]:
    """`fingerprint` is shown so that people can compare; `port` is where https is, under the host that was asked."""

    async def page(request: Request) -> Response:
        asked = _HOST.fullmatch(request.headers.get("host", ""))
        host = asked.group(1) if asked else "localhost"
        return HTMLResponse(_page(fingerprint, f"https://{host}:{port}/"), headers=_HEADERS)

    async def as_pem(_: Request) -> Response:
        return _file(pem, "application/x-pem-file", "roomful-ca.pem")

    async def as_der(_: Request) -> Response:
        return _file(der, "application/x-x509-ca-cert", "roomful-ca.crt")

    return [Route("/ca", page), Route("/ca/roomful-ca.pem", as_pem), Route("/ca/roomful-ca.crt", as_der)]


def _file(data: bytes, media_type: str, name: str) -> Response:
    headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=media_type, headers=headers)


def _page(fingerprint: str, https_url: str) -> str:
    target = html.escape(https_url, quote=True)
    steps = "".join(
        f"<details><summary>{system}</summary><ol>{''.join(f'<li>{step}</li>' for step in list_)}</ol></details>"
        for system, list_ in _STEPS
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>Trust this Roomful server</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>Trust this server</h1>"
        "<p>Browsers lend camera and microphone only to pages they hold for secure. This server made a certificate "
        "authority of its own for that. It can vouch for this machine’s names and for private addresses, "
        "and for no site of the public web.</p>"
        "<p>In a hurry? Open the page below, pass the browser’s warning (“Advanced”, “Proceed”), and it works for now. "
        "To be rid of the warning, choose your system:</p>"
        f"{steps}"
        "<p>Compare the fingerprint (SHA-256) with the one that <code>roomful doctor</code> prints:<br>"
        f"<code>{html.escape(fingerprint)}</code></p>"
        f'<p><a class="go" href="{target}">Open {target}</a></p>'
        "<p>You can remove it again in the same place. Trust only servers of people you know.</p></main></body></html>"
    )
