"""Settings with which nothing can be downloaded, or the key would travel in the clear."""

import pytest

from intraday_rl.core.errors import ParameterError


@pytest.mark.parametrize("address", ["https://api.massive.com", "https://x.example:8443/rest", "http://localhost:80/a"])
def test_download_takes_encrypted_and_local_addresses(settings, address):
    assert settings(base_url=address).base_url == address


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_url": "http://api.massive.com"}, "base_url must start with https://, or with http://127.0.0.1 on this"),
        ({"base_url": "http://localhost.evil.example"}, "base_url must start with https://"),
        ({"base_url": "http://127.0.0.1:80@evil.example"}, "base_url must start with https://"),
        ({"base_url": "https://user:pass@api.massive.com"}, "base_url must start with https://"),
        ({"base_url": ""}, "base_url must start with https://"),
        ({"calls_per_minute": 0}, r"calls_per_minute must be >= 1 \(calls, or null\), was 0"),
        ({"workers": 0}, "workers must be >= 1"),
        ({"sessions_per_request": 51}, r"sessions_per_request must be in \[1, 50\] \(sessions\), was 51"),
        ({"attempts": 0}, "attempts must be >= 1"),
        ({"backoff_seconds": -1.0}, "backoff_seconds must be >= 0"),
        ({"timeout_seconds": 0.0}, "timeout_seconds must be > 0"),
    ],
)
def test_download_refuses_settings_in_one_line(settings, changes, message):
    with pytest.raises(ParameterError, match=f"^MassiveDownload.{message}"):
        settings(**changes)
