"""Downloads from a server on this computer that is slow, breaks off, stalls or sends wrong
bytes."""

import errno
import hashlib
import os
import re
import shutil
import socket
import threading
import time
from functools import partial

import pytest
from filelock import FileLock

from file_server import (
    CONTENT,
    HALF,
    NAME,
    FileServer,
    cut_off_half_way,
    login_page,
    slow,
    stall_half_way,
    status,
    whole,
    without_length,
    without_range,
    wrong_bytes,
)
from kd_helpers.data import downloads
from kd_helpers.data.downloads import PublishedFile, fetch
from kd_helpers.data.splits import DataError


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name in ("KD_MIRRORS", "KD_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(downloads, "TIMEOUT", 0.3)
    monkeypatch.setattr(downloads, "PAUSE", 0)


@pytest.fixture
def start_server():
    """start_server(plan, plan, ...) -> a FileServer that is stopped after the test."""
    servers = []

    def start(*plans):
        servers.append(FileServer(*plans))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def published(*servers):
    urls = tuple(server if isinstance(server, str) else server.url for server in servers)
    return PublishedFile(NAME, len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), urls)


def nobody_listens():
    """An address where connections are refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/{NAME}"


def assert_got(path, folder):
    assert path == folder / NAME and path.read_bytes() == CONTENT
    assert not (folder / f"{NAME}.part").exists()


@pytest.mark.parametrize("plan", (whole, slow, without_length))
def test_a_file_is_downloaded_once_into_a_new_folder(plan, start_server, tmp_path, capsys):
    server, folder = start_server(plan), tmp_path / "new" / "letters"
    assert_got(fetch(published(server), folder), folder)
    said = capsys.readouterr().err
    assert "letters.bin: 100%" in said and "B/s" in said
    assert_got(fetch(published(server), folder), folder)
    assert server.requests == [("/files/letters.bin", None)]
    assert capsys.readouterr().err == ""  # no progress where nothing is downloaded


@pytest.mark.parametrize("plan", (stall_half_way, cut_off_half_way))
def test_a_broken_connection_is_taken_up_where_it_broke(plan, start_server, tmp_path):
    server = start_server(plan)
    assert_got(fetch(published(server), tmp_path), tmp_path)
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_a_server_without_ranges_is_asked_for_the_whole_file_again(start_server, tmp_path):
    server = start_server(cut_off_half_way, without_range)
    assert_got(fetch(published(server), tmp_path), tmp_path)
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_a_refused_range_starts_the_file_over(start_server, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT + b"too long")
    server = start_server(status(416))
    assert_got(fetch(published(server), tmp_path), tmp_path)
    assert server.ranges == [f"bytes={len(CONTENT) + 8}-", None]


def test_a_busy_server_is_asked_again_but_not_for_ever(start_server, tmp_path):
    server = start_server(status(503), status(429))
    assert_got(fetch(published(server), tmp_path), tmp_path)
    server = start_server(*[status(503)] * 9)
    with pytest.raises(DataError, match="HTTP 503"):
        fetch(published(server), tmp_path / "other")
    assert len(server.requests) == downloads.ATTEMPTS


def test_a_server_that_always_breaks_at_the_same_byte_is_left(start_server, tmp_path):
    bad, good = start_server(*[cut_off_half_way] * 9), start_server()
    assert_got(fetch(published(bad, good), tmp_path), tmp_path)
    assert len(bad.requests) == 1 + downloads.ATTEMPTS
    assert good.ranges == [f"bytes={HALF}-"]


def test_wrong_bytes_are_thrown_away_and_the_next_mirror_is_asked(start_server, tmp_path):
    bad, good = start_server(wrong_bytes), start_server()
    with pytest.warns(UserWarning, match=re.escape(bad.url)):
        assert_got(fetch(published(bad, good), tmp_path), tmp_path)
    assert bad.ranges == good.ranges == [None]


def test_wrong_bytes_from_everywhere_leave_nothing(start_server, tmp_path):
    server = start_server(wrong_bytes)
    with (
        pytest.warns(UserWarning, match="wrong bytes|thrown away"),
        pytest.raises(DataError, match="wrong bytes"),
    ):
        fetch(published(server), tmp_path)
    assert not list(tmp_path.glob(f"{NAME}*[!k]"))  # .lock may stay


def test_a_part_with_wrong_bytes_is_not_the_mirrors_fault(start_server, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(b"?" * HALF)
    server = start_server()
    with pytest.warns(UserWarning, match="thrown away"):
        assert_got(fetch(published(server), tmp_path), tmp_path)
    assert server.ranges == [f"bytes={HALF}-", None]


def test_an_answer_of_another_length_is_not_written(start_server, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:HALF])
    portal, good = start_server(login_page), start_server()
    assert_got(fetch(published(portal, good), tmp_path), tmp_path)
    assert good.ranges == [f"bytes={HALF}-"]


def test_mirrors_that_do_not_answer_are_named_in_one_sentence(start_server, tmp_path):
    missing, refused, no_address = start_server(status(404)), nobody_listens(), f"here/{NAME}"
    portal = start_server(login_page)
    with pytest.raises(DataError) as caught:
        fetch(published(missing, refused, no_address, portal), tmp_path / "letters")
    words = str(caught.value)
    assert f"{missing.url}: HTTP 404" in words and f"{refused}: [Errno" in words
    assert f"{no_address}: unknown url type" in words
    assert f"{portal.url}: offers 13 bytes, expected 256,000" in words
    assert f"put {NAME} (0.3 MB, published at {portal.url}) into {tmp_path / 'letters'}" in words
    assert f"KD_DATA to a data folder that has letters/{NAME}" in words and "KD_MIRRORS" in words
    assert "\n" not in words and len(missing.requests) == 1


def test_mirrors_of_the_user_are_asked_first(start_server, tmp_path, monkeypatch):
    mine, official = start_server(), start_server()
    monkeypatch.setenv("KD_MIRRORS", f"{nobody_listens()[: -len(NAME) - 1]}  {mine.base}/")
    assert_got(fetch(published(official), tmp_path), tmp_path)
    assert mine.requests == [(f"/files/{NAME}", None)] and official.requests == []


def test_offline_nobody_is_asked(start_server, tmp_path, monkeypatch):
    server = start_server()
    monkeypatch.setenv("KD_OFFLINE", "1")
    with pytest.raises(DataError, match=r"KD_OFFLINE is set.*put letters\.bin \(0\.3 MB"):
        fetch(published(server), tmp_path)
    assert server.requests == [] and list(tmp_path.iterdir()) == []
    monkeypatch.setenv("KD_OFFLINE", "0")
    assert_got(fetch(published(server), tmp_path), tmp_path)


def test_a_local_file_is_used_offline(start_server, tmp_path, monkeypatch):
    server = start_server()
    monkeypatch.setenv("KD_OFFLINE", "1")
    (tmp_path / NAME).write_bytes(CONTENT)
    assert_got(fetch(published(server), tmp_path), tmp_path)
    assert server.requests == []


@pytest.mark.parametrize("content", (CONTENT[:-1], CONTENT[:-1] + b"?", b"", b"<html>404</html>"))
def test_a_wrong_local_file_is_named_and_left_alone(content, start_server, tmp_path):
    server, path = start_server(), tmp_path / NAME
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        fetch(published(server), tmp_path)
    words = str(caught.value)
    assert str(path) in words and f"expected SHA-256 {published(server).sha256}" in words
    assert f"found {hashlib.sha256(content).hexdigest()} ({len(content):,} bytes)" in words
    assert "Delete it" in words and server.url in words
    assert path.read_bytes() == content and server.requests == []


def test_an_interrupted_download_goes_on_later(start_server, tmp_path, monkeypatch):
    server = start_server(slow)

    class StoppedSoon(downloads.tqdm):
        def update(self, n=1):
            super().update(n)
            if self.n >= 64_000:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(downloads, "tqdm", StoppedSoon)
        with pytest.raises(KeyboardInterrupt):
            fetch(published(server), tmp_path)
    kept = (tmp_path / f"{NAME}.part").read_bytes()
    assert len(kept) >= 64_000 and kept == CONTENT[: len(kept)] and not (tmp_path / NAME).exists()
    assert_got(fetch(published(server), tmp_path), tmp_path)
    assert server.ranges == [None, f"bytes={len(kept)}-"]


def test_a_complete_part_needs_no_request(start_server, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT)
    server = start_server()
    assert_got(fetch(published(server), tmp_path), tmp_path)
    assert server.requests == []


def test_a_disk_that_is_too_small_is_found_out_first(start_server, tmp_path, monkeypatch):
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:HALF])
    usage = shutil.disk_usage(tmp_path)._replace(free=100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"disk is full.*room for 0\.1 MB more.*found 0\.1 MB free"):
        fetch(published(start_server()), tmp_path)
    assert (tmp_path / f"{NAME}.part").read_bytes() == CONTENT[:HALF]


class FullDisk:
    """A file on a disk that has room for so many bytes."""

    def __init__(self, room, *arguments):
        self.room, self.file = room, open(*arguments)  # noqa: SIM115

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, block):
        self.file.write(block[: self.room])
        self.room -= len(block)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_up_keeps_the_part(start_server, tmp_path, monkeypatch):
    server = start_server(slow)
    with monkeypatch.context() as patch:
        patch.setattr(downloads, "open", partial(FullDisk, 100_000), raising=False)
        with pytest.raises(DataError, match=r"disk is full.*What was downloaded is kept") as caught:
            fetch(published(server), tmp_path)
    assert "room for 0.2 MB more" in str(caught.value) and len(server.requests) == 1
    assert_got(fetch(published(server), tmp_path), tmp_path)
    assert server.ranges == [None, "bytes=100000-"]


def test_of_two_that_want_a_file_one_downloads(start_server, tmp_path):
    server = start_server(slow)
    callers = [threading.Thread(target=fetch, args=(published(server), tmp_path)) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(server.requests) == 1
    assert_got(fetch(published(server), tmp_path), tmp_path)


def test_who_waits_for_another_process_is_told_so(start_server, tmp_path, capsys):
    server, lock = start_server(), FileLock(tmp_path / f"{NAME}.lock")
    lock.acquire()
    waiting = threading.Thread(target=fetch, args=(published(server), tmp_path))
    waiting.start()
    time.sleep(0.2)
    assert "another process is downloading it" in capsys.readouterr().err
    assert server.requests == []
    lock.release()
    waiting.join()
    assert_got(tmp_path / NAME, tmp_path)


def test_a_folder_that_cannot_be_made_is_named(start_server, tmp_path):
    (tmp_path / "letters").write_text("a file")
    with pytest.raises(DataError, match=r"letters\.bin: expected a folder to write to, got"):
        fetch(published(start_server()), tmp_path / "letters")


def test_a_file_is_whole_before_it_has_its_name(start_server, tmp_path, monkeypatch):
    moved = []

    def note(source, target):
        moved.append((source.name, source.read_bytes() == CONTENT, target.exists()))
        rename(source, target)

    rename = os.replace
    monkeypatch.setattr(downloads.os, "replace", note)
    fetch(published(start_server(cut_off_half_way)), tmp_path)
    assert moved == [(f"{NAME}.part", True, False)]
