"""The web app's files carry a strict policy, and nothing outside the folder is served."""

from __future__ import annotations

from pathlib import Path

from asgi_client import AsgiClient
from starlette.applications import Starlette

from roomful.edge.web.endpoint import routes, security_headers


def client(folder: Path) -> AsgiClient:
    return AsgiClient(Starlette(routes=routes(folder)))


def test_serves_the_app(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>page")
    (folder / "assets" / "app-1.js").write_text("1")
    (tmp_path / "secret").write_text("secret")
    served = client(folder)
    page = served.get("/?room=r")
    assert page.text == "<!doctype html>page"
    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in served.get("/assets/app-1.js").headers["cache-control"]
    for answer in (page, served.get("/assets/app-1.js")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "ws://testserver wss://testserver" in policy
    for path in ("/../secret", "/%2e%2e/secret", "/assets/../../secret", "/nothing"):
        assert served.get(path).status_code == 404


def test_without_an_app_it_says_so(tmp_path: Path) -> None:
    served = client(tmp_path / "none")
    assert served.get("/").status_code == 200
    assert "no web app" in served.get("/").text
    assert served.get("/x").status_code == 404


def test_odd_hosts_do_not_reach_the_policy() -> None:
    for host in ("a; script-src *", "a b", "", "a/b", "a'"):
        assert "ws://" not in security_headers(host)["Content-Security-Policy"]
    assert "wss://[::1]:7880" in security_headers("[::1]:7880")["Content-Security-Policy"]
