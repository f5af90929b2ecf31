"""Sounds to mix, made from formulas, and a player for the page. Chapter: `ica`."""

import base64
import html
import io
import wave

import numpy as np
from scipy.signal import lfilter
from sklearn.utils import check_random_state

from companion.validation import check_integer

RATE = 8000  # samples a second
TUNE = (60, 64, 67, 72, 71, 67, 69, 65, 62, 67, 64, 60)  # keys of a piano; 60 is the middle C
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410))  # formants of ah, ee, oh, in Hz


def melody(seconds=2.4):
    """Twelve plucked notes, each with three overtones, as float array (n,)."""
    n = round(seconds * RATE)
    time = np.arange(n) / RATE
    sound, length = np.zeros(n), seconds / len(TUNE)
    for i, key in enumerate(TUNE):
        since = time - i * length
        pitch = 440 * 2 ** ((key - 69) / 12)
        tone = sum(np.sin(2 * np.pi * h * pitch * since) / h**1.5 for h in (1, 2, 3, 4))
        sound += np.where(since >= 0, np.exp(-since.clip(0) / 0.25), 0) * tone
    return sound


def voice(seconds=2.4):
    """A sung "ah ee oh ah": pulses of the vocal cords through resonances of the mouth, (n,)."""
    n = round(seconds * RATE)
    time = np.arange(n) / RATE
    pitch = 125 * (1 + 0.03 * np.sin(2 * np.pi * 5 * time)) * (1.15 - 0.2 * time / seconds)
    pulses = (np.diff(np.cumsum(pitch) / RATE % 1, prepend=0) < 0).astype(float)
    syllable = np.minimum((4 * time / seconds).astype(int), 3)
    sound = np.zeros(n)
    for i, vowel in enumerate((0, 1, 2, 0)):
        part = pulses * (syllable == i)
        for formant in VOWELS[vowel]:
            radius = np.exp(-np.pi * 90 / RATE)  # resonances 90 Hz wide
            poles = [1, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2]
            part = lfilter([1 - radius], poles, part)
        sound += part / np.abs(part).max()
    return sound * np.abs(np.sin(np.pi * 4 * time / seconds)) ** 0.5


def drums(seconds=2.4, random_state=0):
    """A cymbal twelve times, and on every second stroke a bass drum or a snare in turn: (n,)."""
    n = round(seconds * RATE)
    rng, time = check_random_state(random_state), np.arange(n) / RATE
    sound, beat = np.zeros(n), seconds / 12
    hiss = np.diff(rng.normal(size=n + 1))
    for i in range(12):
        since = time - (i + 0.37) * beat
        decay = since.clip(0)
        cymbal = 0.12 * hiss * np.exp(-decay / 0.03)
        bass = 1.2 * np.sin(2 * np.pi * (50 * decay + 6 * (1 - np.exp(-decay / 0.03))))
        snare = 0.5 * rng.normal(size=n) * np.exp(-decay / 0.06)
        strike = cymbal + (i % 4 == 0) * bass * np.exp(-decay / 0.1) + (i % 4 == 2) * snare
        sound += np.where(since >= 0, strike, 0)
    return sound


def encode(sound, rate=RATE):
    """A sound (n,) as the bytes of a WAV file with one byte a sample, as loud as it can be."""
    sound = np.asarray(sound, dtype=np.float64)
    if sound.ndim != 1 or len(sound) == 0 or not np.isfinite(sound).all():
        raise ValueError(f"sound has shape {sound.shape}: pass finite numbers of shape (n,).")
    check_integer("rate", rate)
    loudest = np.abs(sound).max()
    levels = np.round(128 + 126 * sound / (loudest if loudest > 0 else 1)).astype(np.uint8)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(rate)
        out.writeframes(levels.tobytes())
    return file.getvalue()


class Players:
    """Players for several sounds, each under its name; nothing plays by itself.

    Parameters
    ----------
    sounds : dict of str to array (n,)
        What a reader, also one who cannot see the page, is told that each sound is.
    rate : int
        Samples a second.
    """

    def __init__(self, sounds, rate=RATE):
        self.names = list(sounds)
        self.files = [encode(sound, rate) for sound in sounds.values()]

    def _repr_mimebundle_(self, include=None, exclude=None):
        """HTML for the page and for notebooks; elsewhere the names."""
        players = []
        for name, file in zip(self.names, self.files, strict=True):
            name, data = html.escape(name), base64.b64encode(file).decode()
            players.append(
                '<figure style="margin: 0.3em 0; flex: 1 1 210px; max-width: 340px">'
                f"<figcaption>{name}</figcaption>"
                f'<audio controls preload="metadata" aria-label="{name}" style="width: 100%" '
                f'src="data:audio/wav;base64,{data}"></audio></figure>'
            )
        row = (
            f'<div style="display: flex; flex-wrap: wrap; gap: 0.4em 1em">{"".join(players)}</div>'
        )
        return {"text/html": row, "text/plain": "sounds: " + ", ".join(self.names)}
