"""Downloads, tried against a small file server on this machine: nothing goes further than that.

Good file, wrong checksum, truncated file, error page, server down: each bad case is a clear error
and leaves no file behind.
"""

import gzip
import hashlib
import http.server
import io
import re
import socket
import struct
import tarfile
import threading
import urllib.error
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from companion import data
from companion.data import downloads

IDX_FILES = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        body = self.server.files.get(self.path.lstrip("/"))
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    """A file server on a free port: files by name, and the list of what was asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.files, running.requests, running.cut = {}, [], None
        running.address = f"http://127.0.0.1:{running.server_port}/"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def idx(array):
    """Write the IDX format by its definition."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def cifar_archive(images, labels):
    """Write the binary CIFAR-10 archive: six members of a fifth, ..., and the rest."""
    packed = io.BytesIO()
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, image, label in zip(names, images, labels, strict=True):
            rows = [bytes([k]) + x.tobytes() for x, k in zip(image, label, strict=True)]
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(b"".join(rows))
            archive.addfile(member, io.BytesIO(b"".join(rows)))
    return packed.getvalue()


def pin(files):
    return "\n".join(f"{k} {len(v)} {hashlib.sha256(v).hexdigest()}" for k, v in files.items())


@pytest.fixture
def tiny_mnist(server, monkeypatch):
    """Four small IDX files on the server, pinned as MNIST and Fashion-MNIST; returns the truth."""
    rng = np.random.default_rng(0)
    truth = [
        rng.integers(256, size=shape, dtype=np.uint8)
        for shape in [(7, 28, 28), (7,), (3, 28, 28), (3,)]
    ]
    packed = [gzip.compress(idx(array)) for array in truth]
    server.files = dict(zip(IDX_FILES, packed, strict=True))
    for name in ("MNIST", "FASHION_MNIST"):
        title = getattr(downloads, name).title
        source = downloads.Source(title, server.address, pin(server.files))
        monkeypatch.setattr(downloads, name, source)
    return truth


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def expect_error(fetch, folder, *words):
    """The call fails, its message has all the words, and no file is left."""
    with pytest.raises(downloads.DownloadError) as caught:
        fetch(cache=folder)
    for word in words:
        assert word in str(caught.value)
    assert files_in(folder) == []
    return str(caught.value)


@pytest.mark.parametrize("fetch", [data.mnist, data.fashion_mnist])
def test_good_files_are_read_and_kept(fetch, server, tiny_mnist, tmp_path):
    found = fetch(cache=tmp_path)
    assert np.array_equal(found.x_train[:, 0], tiny_mnist[0])
    assert np.array_equal(found.y_train, tiny_mnist[1])
    assert np.array_equal(found.x_test[:, 0], tiny_mnist[2])
    assert np.array_equal(found.y_test, tiny_mnist[3])
    assert found.x_train.dtype == np.uint8
    assert found.y_train.dtype == np.int64
    assert found._fields == data.Digits._fields
    assert len(server.requests) == 4
    again = fetch(cache=tmp_path)
    assert len(server.requests) == 4, "the second call must not contact the server"
    assert np.array_equal(again.x_train, found.x_train)


def test_good_cifar10_is_read_and_kept(server, monkeypatch, tmp_path):
    rng = np.random.default_rng(1)
    images = [rng.integers(256, size=(n, 3, 32, 32), dtype=np.uint8) for n in (2, 1, 2, 1, 2, 3)]
    labels = [rng.integers(10, size=len(part)) for part in images]
    server.files = {"cifar-10-binary.tar.gz": cifar_archive(images, labels)}
    source = downloads.Source("CIFAR-10", server.address, pin(server.files))
    monkeypatch.setattr(downloads, "CIFAR10", source)
    for _ in range(2):
        found = data.cifar10(cache=tmp_path)
        assert np.array_equal(found.x_train, np.concatenate(images[:5]))
        assert np.array_equal(found.y_train, np.concatenate(labels[:5]))
        assert np.array_equal(found.x_test, images[5])
        assert np.array_equal(found.y_test, labels[5])
    assert len(server.requests) == 1
    assert [path.name for path in files_in(tmp_path)] == ["cifar-10-binary.tar.gz"]


def test_wrong_checksum(server, tiny_mnist, tmp_path):
    for name, body in server.files.items():
        server.files[name] = body[:-1] + bytes([body[-1] ^ 1])
    words = ("MNIST", server.address + IDX_FILES[0], "SHA-256", "changed", "call again")
    expect_error(data.mnist, tmp_path, *words)


def test_a_file_that_is_too_long_has_a_wrong_checksum(server, tiny_mnist, tmp_path):
    server.files[IDX_FILES[0]] += b"more"
    expect_error(data.mnist, tmp_path, "SHA-256")


def test_truncated_file(server, tiny_mnist, tmp_path):
    n_bytes = len(server.files[IDX_FILES[0]])
    server.cut = 500
    words = (
        "Fashion-MNIST",
        server.address,
        f"broke off before all of its {n_bytes:,} bytes",
        "call again",
    )
    expect_error(data.fashion_mnist, tmp_path, *words)


def test_truncated_file_of_a_server_that_does_not_know_its_length(server, tiny_mnist, tmp_path):
    server.files[IDX_FILES[0]] = server.files[IDX_FILES[0]][:300]
    expect_error(data.mnist, tmp_path, "broke off", "call again")


def test_missing_file(server, tiny_mnist, tmp_path):
    server.files.clear()
    expect_error(data.mnist, tmp_path, "MNIST", "404 Not Found", "try again later")


def test_server_down(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    source = downloads.Source("CIFAR-10", address, downloads.CIFAR10.pins)
    monkeypatch.setattr(downloads, "CIFAR10", source)
    words = ("CIFAR-10", address + "cifar-10-binary.tar.gz", "no connection", "online")
    message = expect_error(data.cifar10, tmp_path, *words)
    assert str(tmp_path / "cifar-10" / "cifar-10-binary.tar.gz") in message


def test_a_folder_that_cannot_be_made_is_not_called_a_bad_connection(server, tiny_mnist, tmp_path):
    (tmp_path / "mnist").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(OSError, match="mnist"):
        data.mnist(cache=tmp_path)


def test_after_a_failure_the_next_call_works(server, tiny_mnist, tmp_path):
    server.cut = 100
    expect_error(data.mnist, tmp_path, "broke off")
    server.cut = None
    assert len(data.mnist(cache=tmp_path).x_train) == 7


def test_a_damaged_file_in_the_cache_is_fetched_again(server, tiny_mnist, tmp_path):
    data.mnist(cache=tmp_path)
    (tmp_path / "mnist" / IDX_FILES[1]).write_bytes(b"damaged")
    assert np.array_equal(data.mnist(cache=tmp_path).y_train, tiny_mnist[1])
    assert server.requests[4:] == [f"/{IDX_FILES[1]}"]


def test_the_cache_folder_is_the_argument_the_variable_or_the_systems(monkeypatch, tmp_path):
    monkeypatch.setenv(downloads.FOLDER_VARIABLE, str(tmp_path / "variable"))
    assert downloads.cache_folder(tmp_path / "argument") == tmp_path / "argument"
    assert downloads.cache_folder() == tmp_path / "variable"
    monkeypatch.delenv(downloads.FOLDER_VARIABLE)
    assert downloads.cache_folder().name == "learning-without-labels"


@pytest.mark.parametrize("source", [downloads.MNIST, downloads.FASHION_MNIST, downloads.CIFAR10])
def test_every_file_is_pinned(source):
    pins = [line.split() for line in source.pins.strip().splitlines()]
    assert [name for name, _, _ in pins] == (IDX_FILES if len(pins) > 1 else [pins[0][0]])
    for name, n_bytes, digest in pins:
        assert name.endswith(".gz")
        assert int(n_bytes) > 1000
        assert re.fullmatch("[0-9a-f]{64}", digest)


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, max_side=5)))
def test_idx_is_read_back(array):
    assert np.array_equal(downloads.read_idx(idx(array)), array)


@given(st.binary(max_size=40))
def test_any_other_bytes_are_an_array_or_a_value_error(raw):
    try:
        found = downloads.read_idx(raw).dtype
    except ValueError as error:
        found = str(error).split()[0]
    assert found in (np.uint8, "raw")


@pytest.mark.parametrize("cut", [2, 6, 20])
def test_a_short_idx_file_is_named(cut):
    raw = idx(np.zeros((2, 3, 4), dtype=np.uint8))
    with pytest.raises(ValueError, match="raw"):
        downloads.read_idx(raw[:cut])


def test_olivetti_faces_offline(monkeypatch, tmp_path):
    def no_network(*arguments, **options):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("sklearn.datasets._base.urlretrieve", no_network)
    with pytest.warns(UserWarning, match="Retry|retry"):
        expect_error(data.olivetti_faces, tmp_path, "Olivetti", "no network", "data.faces")


def test_olivetti_faces(monkeypatch, tmp_path):
    levels = np.arange(2 * 64 * 64).reshape(2, 64, 64) % 256
    bunch = SimpleNamespace(images=(levels / 255).astype(np.float32), target=np.array([0, 1]))
    monkeypatch.setattr(downloads, "fetch_olivetti_faces", lambda **options: bunch)
    images, people = data.olivetti_faces(cache=tmp_path)
    assert np.array_equal(images[:, 0], levels)
    assert images.dtype == np.uint8
    assert people.dtype == np.int64
