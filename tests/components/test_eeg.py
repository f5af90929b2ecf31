"""The made-up EEG: bands against the periodogram of SciPy, blinks as often as they should be."""

import numpy as np
import pytest
from scipy.signal import find_peaks, periodogram
from sklearn.utils import check_random_state

from companion.components.eeg import (
    ELECTRODES,
    RATE,
    RHYTHMS,
    band,
    blinks,
    field,
    recording,
    standard_noise,
)

NAMES = list(ELECTRODES)


def power(x, low, high):
    """Share of the power of x (n,) between two frequencies."""
    frequency, density = periodogram(x, RATE)
    return density[(frequency >= low) & (frequency <= high)].sum() / density.sum()


def test_bands_add_up_and_keep_what_is_theirs():
    x = np.random.default_rng(0).normal(size=(1000, 3))
    x -= x.mean(axis=0)
    parts = band(x, 0, 8), band(x, 8.0001, 64)
    np.testing.assert_allclose(sum(parts), x, atol=1e-12)
    np.testing.assert_allclose(band(parts[0], 0, 8), parts[0], atol=1e-12)
    assert abs((parts[0] * parts[1]).sum()) < 1e-9
    time = np.arange(1024) / RATE
    low, high = np.sin(2 * np.pi * 3 * time), np.sin(2 * np.pi * 20 * time)
    np.testing.assert_allclose(band(low + high, 0, 10), low, atol=1e-10)


def test_noise_has_its_band_and_its_colour():
    rng = check_random_state(0)
    alpha = standard_noise(4096, rng, 9, 11)
    assert np.isclose(alpha.std(), 1)
    assert power(alpha, 8.9, 11.1) > 0.999
    pink = standard_noise(40_000, rng, 0.5, 45, pink=True)
    octaves = [power(pink, f, 2 * f) for f in (2, 4, 8, 16)]
    assert np.ptp(octaves) < 0.25 * np.mean(octaves)  # 1 / f: every octave has as much


def test_blinks_come_as_often_and_last_as_long_as_said():
    eye = blinks(120 * RATE, check_random_state(0))
    peaks = find_peaks(eye, height=0.5)[0]
    gaps = np.diff(peaks) / RATE
    assert 30 <= len(peaks) <= 50
    assert 1.4 < gaps.min() < gaps.max() < 4.6
    assert 0.1 < (eye > 0.5).mean() * 120 / len(peaks) < 0.3


def test_a_field_is_strongest_at_its_place_and_the_same_on_both_sides():
    assert NAMES[field(ELECTRODES["Cz"], 0.3).argmax()] == "Cz"
    left, right = field((-0.5, 0.2), 0.4), field((0.5, 0.2), 0.4)
    for one, other in (("F3", "F4"), ("O1", "O2"), ("T7", "T8")):
        assert np.isclose(left[NAMES.index(one)], right[NAMES.index(other)])


def test_the_recording_is_the_brain_plus_one_source_at_the_forehead():
    X, brain = recording(20, random_state=0)
    assert X.shape == brain.shape == (20 * RATE, 19)
    values = np.linalg.svd(X - brain, compute_uv=False)
    assert values[1] < 1e-9 * values[0]
    assert set(np.array(NAMES)[np.argsort(-(X - brain).max(axis=0))[:2]]) == {"Fp1", "Fp2"}
    assert 60 < (X - brain).max() < 250
    assert 5 < brain.std() < 30
    assert power(brain[:, NAMES.index("O1")], 9, 11) > 0.4 > power(brain[:, 0], 9, 11)
    assert len(RHYTHMS) == 5


def test_same_seed_same_numbers():
    one, two = (recording(6, random_state=4)[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, recording(6, random_state=5)[0])


def test_too_short_a_recording_is_refused():
    with pytest.raises(ValueError, match=r"seconds=1"):
        recording(1)
