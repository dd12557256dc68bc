"""A small server of its own stands for the real ones: address, port, environment, end with all children, failures."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest

from intraday_rl.core.errors import TrackingError
from intraday_rl.tracking.pages.server import Pages, free_port, serve

PAGE = """
import http.server, os, pathlib, subprocess, sys

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{os.environ['WORD']} in {os.getcwd()}".encode())

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path("child").write_text(str(child.pid))
http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Page).serve_forever()
"""


def pages(folder, program=PAGE, is_quiet=True) -> Pages:
    def command(host, port):
        return [sys.executable, "-c", program, host, str(port)]

    return Pages("The page", command, {"WORD": "hello"}, folder, "/", is_quiet)


def is_at_work(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_free_port_passes_over_a_port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = free_port("127.0.0.1", port)
    assert port < found <= port + 49


def test_free_port_refuses_an_address_of_another_machine():
    with pytest.raises(TrackingError, match=r"no port from 5000 on is free on 192\.0\.2\.1"):
        free_port("192.0.2.1", 5000)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_pages_are_served_until_a_signal_and_end_with_all_children(tmp_path, capfd, end):
    seen, said = [], []

    def look() -> None:
        while "http" not in (line := capfd.readouterr().out):
            time.sleep(0.05)
        said.append(line)
        address = line.split()[2]
        seen.append(build_opener(ProxyHandler({})).open(address, timeout=10).read().decode())
        os.kill(os.getpid(), end)

    port = free_port("127.0.0.1", 20_000 + os.getpid() % 20_000)
    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    assert serve(pages(tmp_path), "127.0.0.1", port) == 0
    watcher.join(10)
    assert seen == [f"hello in {tmp_path}"]
    assert said == [f"The page: http://127.0.0.1:{port} (Ctrl-C ends it)\n"]
    deadline = time.monotonic() + 5  # it was told to end, which takes it a moment
    while is_at_work(int((tmp_path / "child").read_text())):
        assert time.monotonic() < deadline, "the server's child outlived it"
        time.sleep(0.02)


def test_quiet_server_that_fails_is_told_in_one_line(tmp_path, capfd):
    failing = pages(tmp_path, "import sys; sys.exit('first line\\nthe journal is damaged\\n')")
    with pytest.raises(TrackingError) as refusal:
        serve(failing, "127.0.0.1", 5000)
    assert str(refusal.value) == "The page ended with status 1: the journal is damaged"
    assert capfd.readouterr() == ("", "")


def test_server_that_speaks_for_itself_gives_its_status(tmp_path, capfd):
    failing = pages(tmp_path, "import sys; sys.exit('its own words')", is_quiet=False)
    assert serve(failing, "127.0.0.1", 5000) == 1
    assert capfd.readouterr() == ("", "its own words\n")
