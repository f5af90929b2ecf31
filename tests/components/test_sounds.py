"""The sounds of the party: pitches by Fourier transform, files by the standard library."""

import base64
import io
import re
import wave

import numpy as np
import pytest

from companion.components.sounds import RATE, TUNE, Players, drums, encode, melody, voice


def spectrum(sound):
    return np.fft.rfftfreq(len(sound), 1 / RATE), np.abs(
        np.fft.rfft(sound * np.hanning(len(sound)))
    )


def test_the_first_note_has_the_pitch_of_its_key():
    frequencies, size = spectrum(melody()[: round(2.4 / len(TUNE) * RATE)])
    assert abs(frequencies[size.argmax()] - 261.63) < 6


def test_the_vowel_has_the_formants_of_ah():
    frequencies, size = spectrum(voice()[: round(0.6 * RATE)])
    band = (frequencies > 600) & (frequencies < 1250)
    between = (frequencies > 1500) & (frequencies < 2100)
    assert size[band].mean() > 3 * size[between].mean()


def test_a_drum_is_loud_and_then_silent():
    sound = drums()
    assert len(sound) == 2.4 * RATE
    strike = round(0.37 * 0.2 * RATE)
    assert (sound[:strike] == 0).all()
    assert np.abs(sound[strike : strike + 800]).max() > 0.8
    np.testing.assert_array_equal(sound, drums())
    np.testing.assert_array_equal(sound, drums(random_state=np.random.RandomState(0)))
    assert (sound != drums(random_state=1)).any()


def test_a_file_is_read_back():
    sound = melody(0.5)
    file = encode(sound)
    with wave.open(io.BytesIO(file)) as read:
        assert (read.getnchannels(), read.getsampwidth(), read.getframerate()) == (1, 1, RATE)
        levels = np.frombuffer(read.readframes(read.getnframes()), dtype=np.uint8).astype(float)
    np.testing.assert_allclose(
        (levels - 128) / 126, sound / np.abs(sound).max(), atol=0.5 / 126 + 1e-9
    )
    assert set(encode(np.zeros(10))[-10:]) == {128}


def test_players_are_named_and_wait():
    players = Players({"voice & drums": voice(0.5), "melody": melody(0.5)})
    forms = players._repr_mimebundle_()
    assert forms["text/plain"] == "sounds: voice & drums, melody"
    page = forms["text/html"]
    assert re.findall(r'aria-label="([^"]*)"', page) == ["voice &amp; drums", "melody"]
    assert page.count("<figcaption>") == 2
    assert "autoplay" not in page
    data = re.findall(r"base64,([^\"]*)", page)
    assert base64.b64decode(data[1]) == encode(melody(0.5))


def test_bad_sounds_are_refused():
    for bad in (np.ones((2, 2)), [], [np.nan]):
        with pytest.raises(ValueError, match=r"sound has shape"):
            encode(bad)
    with pytest.raises(ValueError, match=r"rate=0"):
        encode([1.0], rate=0)
