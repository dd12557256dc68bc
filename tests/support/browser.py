"""Pages in a real browser: what they look like after their scripts ran, and what the scripts complain about."""

import shutil
import subprocess

import pytest


def browser_dump(path, folder):
    """Return the page's DOM after its scripts ran, and the lines of the browser's console."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine: the drawn page is not checked")
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", *quiet, f"--user-data-dir={folder}"]
    watch = ["--virtual-time-budget=8000", "--enable-logging=stderr", "--dump-dom", path.as_uri()]
    done = subprocess.run([program, *flags, *watch], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
