"""An electroencephalogram (EEG) from formulas: rhythms of the brain, and eyes that blink.

Chapter: `ica`.
"""

import numpy as np
from scipy.fft import irfft, rfft, rfftfreq
from sklearn.utils import check_random_state

from companion.validation import check_real

RATE = 128  # samples a second
ELECTRODES = {  # seen from above, the nose at (0, 1), the ears at (-1, 0) and (1, 0)
    **{"Fp1": (-0.28, 0.86), "Fp2": (0.28, 0.86)},
    **{"F7": (-0.73, 0.53), "F3": (-0.4, 0.5), "Fz": (0, 0.46), "F4": (0.4, 0.5)},
    **{"F8": (0.73, 0.53), "T7": (-0.9, 0), "C3": (-0.46, 0), "Cz": (0, 0), "C4": (0.46, 0)},
    **{"T8": (0.9, 0), "P7": (-0.73, -0.53), "P3": (-0.4, -0.5), "Pz": (0, -0.46)},
    **{"P4": (0.4, -0.5), "P8": (0.73, -0.53), "O1": (-0.28, -0.86), "O2": (0.28, -0.86)},
}
RHYTHMS = {  # place: lowest and highest frequency in Hz, size in microvolts
    (-0.3, -0.7): (9, 11, 14),
    (0.35, -0.65): (9, 11, 14),
    (0, 0.4): (5, 7, 8),
    (-0.45, 0): (11, 14, 8),
    (0.5, 0.6): (15, 25, 6),
}
EYES = ((-0.3, 1.15), (0.3, 1.15))


def band(x, low, high):
    """What of x (n,) or (n, d), RATE rows a second, has frequencies from `low` to `high` in Hz."""
    waves = rfft(x, axis=0)
    frequency = rfftfreq(len(x), 1 / RATE)
    waves[(frequency < low) | (frequency > high)] = 0
    return irfft(waves, len(x), axis=0)


def standard_noise(n, rng, low, high, pink=False):
    """Gaussian noise (n,) of variance 1 in a band; if pink, with a power like 1 / frequency."""
    waves = rfft(rng.normal(size=n))
    if pink:
        waves /= np.sqrt(np.maximum(rfftfreq(n, 1 / RATE), 0.5))
    noise = band(irfft(waves, n), low, high)
    return noise / noise.std()


def field(place, width):
    """What a source at a place of the head adds to every electrode: a bell over the distance."""
    away = np.array(list(ELECTRODES.values())) - place
    return np.exp(-(away**2).sum(axis=1) / (2 * width**2))


def blinks(n, rng, every=3.0):
    """Lids that close for a fifth of a second at random moments, `every` seconds on average."""
    when = np.cumsum(rng.uniform(0.5 * every, 1.5 * every, size=int(2 * n / RATE / every) + 1))
    since = np.arange(n)[:, None] / RATE - when
    return (rng.uniform(0.7, 1.3, size=len(when)) * np.exp(-((since / 0.08) ** 2) / 2)).sum(axis=1)


def recording(seconds=30, *, random_state=None):
    """An EEG with blinks, and what nobody can record: the same without them.

    Forty places murmur, five have a rhythm of their own that swells and fades, and every electrode
    adds a little noise: there are more sources than electrodes, and most of them are Gaussian.

    Parameters
    ----------
    seconds : float
        At least 4.
    random_state : int, RandomState or None

    Returns
    -------
    X : array (n, 19)
        Microvolts at the electrodes of `ELECTRODES`, `RATE` rows a second.
    brain : array (n, 19)
        X without the blinks.
    """
    check_real("seconds", seconds, low=4)
    rng, n = check_random_state(random_state), round(seconds * RATE)
    brain = rng.normal(size=(n, len(ELECTRODES)))
    for _ in range(40):
        away, angle = np.sqrt(rng.uniform(0, 0.9)), rng.uniform(0, 2 * np.pi)
        murmur = field((away * np.cos(angle), away * np.sin(angle)), 0.35)
        brain += 3 * np.outer(standard_noise(n, rng, 0.5, 45, pink=True), murmur)
    for place, (low, high, size) in RHYTHMS.items():
        swell = np.exp(0.5 * standard_noise(n, rng, 0, 0.5))
        brain += size * np.outer(swell * standard_noise(n, rng, low, high), field(place, 0.35))
    lids = sum(field(place, 0.45) for place in EYES)
    return brain + 100 * np.outer(blinks(n, rng), lids), brain
