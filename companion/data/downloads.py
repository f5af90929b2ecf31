"""The real image sets of the papers, fetched only when a reader calls for one by name.

Every file is pinned by its length and SHA-256, kept in a cache folder, and never half there: it
is moved into the folder after its check. Nothing is unpickled (CIFAR-10 is the binary version).
The folder is the argument `cache`, else the environment variable ``LEARNING_WITHOUT_LABELS_DATA``,
else the usual cache of the system.

Ground floor.
"""

import gzip
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch
from sklearn.datasets import fetch_olivetti_faces
from tqdm import tqdm

FOLDER_VARIABLE = "LEARNING_WITHOUT_LABELS_DATA"
TIMEOUT = 30  # seconds without a byte from the server


class DownloadError(RuntimeError):
    """A set could not be fetched; the message has its name, the address, the cause, the remedy."""


class LabelledImages(NamedTuple):
    """Images to learn from and to test on, with the fields of `companion.data.Digits`.

    Attributes
    ----------
    x_train : uint8 array (n_train, channels, height, width)
    y_train : int64 array (n_train,)
    x_test : uint8 array (n_test, channels, height, width)
    y_test : int64 array (n_test,)
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


@dataclass(frozen=True)
class Source:
    """Where a set comes from: its title, its folder on the web, and what each file must be.

    The lines of `pins` are a file's name, its length in bytes, and its SHA-256.
    """

    title: str
    folder: str
    pins: str


# Addresses, lengths and digests are those of TensorFlow Datasets, github.com/tensorflow/datasets,
# tensorflow_datasets/url_checksums/mnist.txt (commit 31f1255), fashion_mnist.txt (90b6623) and
# cifar10.txt (88be5be).
MNIST = Source(
    "MNIST",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    """
train-images-idx3-ubyte.gz 9912422 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609
train-labels-idx1-ubyte.gz 28881 3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c
t10k-images-idx3-ubyte.gz 1648877 8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6
t10k-labels-idx1-ubyte.gz 4542 f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6
    """,
)
FASHION_MNIST = Source(
    "Fashion-MNIST",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    """
train-images-idx3-ubyte.gz 26421880 3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84
train-labels-idx1-ubyte.gz 29515 a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845
t10k-images-idx3-ubyte.gz 4422102 346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073
t10k-labels-idx1-ubyte.gz 5148 67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5
    """,
)
CIFAR10 = Source(
    "CIFAR-10",
    "https://www.cs.toronto.edu/~kriz/",
    """
cifar-10-binary.tar.gz 170052171 c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd
    """,
)

FASHION_CLASSES = [
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
]
CIFAR10_CLASSES = [
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
]


def mnist(*, cache=None):
    """Fetch MNIST, 70,000 handwritten digits of 28 x 28 pixels (12 MB, once).

    Parameters
    ----------
    cache : path, optional
        Folder that keeps the files; see the top of this module.

    Returns
    -------
    LabelledImages
        60,000 images (1, 28, 28) to learn from, 10,000 to test on; 0 is paper, 255 is ink.

    Raises
    ------
    DownloadError
        If a file cannot be fetched, is cut short, or is not the one that was pinned.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document
    recognition, 1998.
    """
    return _fetch_idx(MNIST, cache)


def fashion_mnist(*, cache=None):
    """Fetch Fashion-MNIST, 70,000 articles of clothing of 28 x 28 pixels (31 MB, once).

    The arguments, fields and errors are those of `mnist`; the classes are named by
    ``data.FASHION_CLASSES``.

    References
    ----------
    H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, 2017, arXiv:1708.07747.
    """
    return _fetch_idx(FASHION_MNIST, cache)


def cifar10(*, cache=None):
    """Fetch CIFAR-10, 60,000 colour photographs of 32 x 32 pixels (170 MB, once).

    The arguments and errors are those of `mnist`. There are 50,000 images (3, 32, 32) to learn
    from and 10,000 to test on; the classes are named by ``data.CIFAR10_CLASSES``.

    References
    ----------
    A. Krizhevsky, Learning multiple layers of features from tiny images, 2009.
    """
    (path,) = fetch(CIFAR10, cache)
    train_files = [f"data_batch_{i}.bin" for i in range(1, 6)]
    with tarfile.open(path) as archive:  # members are read in memory, none is written out
        return LabelledImages(
            *_read_cifar(archive, train_files), *_read_cifar(archive, ["test_batch.bin"])
        )


def olivetti_faces(*, cache=None):
    """Fetch the Olivetti faces by scikit-learn: 40 people, 10 grey pictures each (4 MB, once).

    Parameters
    ----------
    cache : path, optional
        Folder that keeps the files; see the top of this module.

    Returns
    -------
    images : uint8 array (400, 1, 64, 64)
    people : int64 array (400,)
        0 to 39.

    Raises
    ------
    DownloadError
        If the file cannot be fetched.
    """
    folder = cache_folder(cache)
    try:
        bunch = fetch_olivetti_faces(data_home=folder, n_retries=1)
    except OSError as error:
        raise DownloadError(
            f"The Olivetti faces could not be fetched by scikit-learn into {folder}: {error}. "
            "Check the connection and call again; `data.faces` draws faces without a network."
        ) from error
    images = np.round(255 * bunch.images[:, None]).astype(np.uint8)
    return images, bunch.target.astype(np.int64)


def cache_folder(cache=None):
    """Return the folder of the files: the argument, the variable, or the system's usual cache."""
    return Path(
        cache or os.environ.get(FOLDER_VARIABLE) or pooch.os_cache("learning-without-labels")
    )


def fetch(source, cache):
    """Return the paths of all files of a source, fetching the ones that are not there yet."""
    folder = cache_folder(cache) / source.title.lower()
    pins = [line.split() for line in source.pins.strip().splitlines()]
    for name, n_bytes, digest in pins:
        _fetch_file(source.title, source.folder + name, folder / name, int(n_bytes), digest)
    return [folder / name for name, _, _ in pins]


def _fetch_file(title, url, path, n_bytes, digest):
    """Put a file at `path` if it is not there, whole and checked, or raise a DownloadError."""
    from requests import exceptions  # here, as in pooch: it is slow to import

    received = 0

    def download(url, file, _):
        nonlocal received
        try:
            with tqdm(desc=title, total=n_bytes, unit="B", unit_scale=True) as bar:
                identity = {"Accept-Encoding": "identity"}
                fetch = pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT, headers=identity)
                fetch(url, file, None)
        finally:
            received = Path(file).stat().st_size

    try:
        pooch.retrieve(url, f"sha256:{digest}", path.name, path.parent, downloader=download)
    except (exceptions.RequestException, ValueError) as error:  # ValueError: a wrong hash
        response = getattr(error, "response", None)
        if response is not None:
            cause = f"the server answered {response.status_code} {response.reason}"
            remedy = "It may be out of order, or the file has moved: try again later"
        elif isinstance(error, exceptions.ChunkedEncodingError) or 0 < received < n_bytes:
            cause = f"the file broke off before all of its {n_bytes:,} bytes had arrived"
            remedy = "The connection was cut: call again"
        elif received:
            cause = f"what arrived does not have the SHA-256 {digest}"
            remedy = "It was changed on its way or at its source, and was deleted: call again"
        else:
            cause = f"there is no connection to the server ({type(error).__name__})"
            remedy = "Check that you are online and call again"
        raise DownloadError(
            f"{title} could not be fetched from {url}: {cause}. "
            f"{remedy}, or put the file at {path} yourself."
        ) from error


def _fetch_idx(source, cache):
    paths = fetch(source, cache)
    x_train, y_train, x_test, y_test = (read_idx(gzip.decompress(p.read_bytes())) for p in paths)
    return LabelledImages(
        x_train[:, None], y_train.astype(np.int64), x_test[:, None], y_test.astype(np.int64)
    )


def read_idx(raw):
    """Read an array of bytes in the IDX format of MNIST.

    Two zeros, the type 8 (unsigned byte), the number of dimensions, each dimension as a big-endian
    32-bit integer, then the values.

    Parameters
    ----------
    raw : bytes

    Returns
    -------
    uint8 array

    Raises
    ------
    ValueError
        If the header or the length is wrong.

    Examples
    --------
    >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    array([7, 8, 9], dtype=uint8)
    """
    n_dimensions = raw[3] if len(raw) > 3 else 0
    header = 4 + 4 * n_dimensions
    if raw[:3] != b"\x00\x00\x08" or len(raw) < header:
        raise ValueError(f"raw starts with {raw[:4]!r}: give the bytes of an unsigned IDX file.")
    shape = np.frombuffer(raw, dtype=">u4", count=n_dimensions, offset=4)
    if len(raw) - header != np.prod(shape, dtype=np.int64):
        raise ValueError(
            f"raw has {len(raw) - header:,} values after its header but its shape is "
            f"{tuple(map(int, shape))}: the file is damaged, fetch it again."
        )
    return np.frombuffer(raw, dtype=np.uint8, offset=header).reshape(shape).copy()


def _read_cifar(archive, names):
    """Return the images and labels in these members: records of a label and 3,072 values."""
    raw = b"".join(archive.extractfile(f"cifar-10-batches-bin/{name}").read() for name in names)
    records = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    return records[:, 1:].reshape(-1, 3, 32, 32).copy(), records[:, 0].astype(np.int64)
