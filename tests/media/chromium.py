"""Debian's Chromium inside a network namespace, with a camera and a microphone that are made up. Called by the tests of networks."""

from __future__ import annotations

import shutil
from pathlib import Path

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required", "--disable-features=WebRtcHideLocalIpsWithMdns",
)  # fmt: skip


def inside(namespace: str, folder: Path) -> Path:
    """A program for Playwright to launch."""
    chromium = shutil.which("chromium")
    assert chromium, "Debian's chromium is not installed"
    wrapper = folder / f"chromium-{namespace}"
    wrapper.write_text(f'#!/bin/sh\nexec ip netns exec {namespace} {chromium} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def flags(base: str, *more: str) -> list[str]:
    """`base` is a plain http address whose pages may use the camera all the same."""
    return [*FLAGS, f"--unsafely-treat-insecure-origin-as-secure={base}", *more]
