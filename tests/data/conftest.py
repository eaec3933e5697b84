from pathlib import Path

import pytest
from small_runs import blobs, new_run, small

from reparam.data import locate

__all__ = ["blobs", "new_run", "small"]


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of this machine is found: an empty cache (returned), no system folder, no mirror."""
    for name in ("REPARAM_DATA", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("REPARAM_MIRRORS", "http://127.0.0.1:9/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(locate, "SYSTEM_FOLDERS", {})
    return tmp_path / "cache"
