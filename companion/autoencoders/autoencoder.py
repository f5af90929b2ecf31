"""Autoencoders: networks that return their input, and what keeps them from merely copying it.

Chapter: `autoencoder`.
"""

import torch
from torch import nn

from companion.distributions import standard_normal, sum_event
from companion.validation import check_event, check_integer, check_real


class Autoencoder(nn.Module):
    """Two networks in a row, ``x -> z = encode(x) -> decode(z)``, trained to return x.

    The subclasses below say what the two are.

    Parameters
    ----------
    event_shape : tuple of int
        Shape of one data point.
    encoder, decoder : nn.Module
        (B, *event) to (B, n_code), and back.
    """

    def __init__(self, event_shape, encoder, decoder):
        super().__init__()
        self.event_shape, self.encoder, self.decoder = tuple(event_shape), encoder, decoder

    def check(self, x):
        """Return `x` (B, *event) in the type of the weights, or raise a `ValueError`."""
        dtype = next(self.parameters()).dtype
        return check_event("x", x, self.event_shape).to(dtype)

    def encode(self, x):
        """Codes (B, n_code) of data points (B, *event)."""
        return self.encoder(self.check(x))

    def decode(self, z):
        """Data points (B, *event) of codes (B, n_code)."""
        return self.decoder(z)

    def forward(self, x):
        """Reconstruct: (B, *event) to the same shape."""
        return self.decode(self.encode(x))

    def loss(self, x, *, generator=None):
        """Squared error, summed over the entries of a data point, mean over the batch.

        It is the negative log-likelihood in nats, up to a constant, of a Gaussian around the
        reconstruction with variance 1/2. No randomness: `generator` is not used.
        """
        return sum_event((self(x) - self.check(x)) ** 2).mean()


class LinearAutoencoder(Autoencoder):
    """Linear decoder, ``x ~ W z + b``: it finds the subspace of PCA, with other axes in it.

    Baldi and Hornik (1989).

    Parameters
    ----------
    n_inputs, n_code : int
    encoder : nn.Module, optional
        (B, n_inputs) to (B, n_code); linear by default.
    """

    def __init__(self, n_inputs, n_code, encoder=None):
        encoder = nn.Linear(n_inputs, n_code) if encoder is None else encoder
        super().__init__((n_inputs,), encoder, nn.Linear(n_code, n_inputs))


class NonlinearPCA(Autoencoder):
    """The auto-associative network: five layers, the middle one narrow (Kramer, 1991).

    ``x -> tanh -> z -> tanh -> x``; code and output are linear. With one tanh layer on each side
    both maps can bend. With ``n_code >= n_inputs`` there is no bottleneck.

    Parameters
    ----------
    n_inputs, n_code, n_hidden : int
    """

    def __init__(self, n_inputs, n_code=1, n_hidden=32):
        def bent(n_in, n_out):
            first, last = nn.Linear(n_in, n_hidden), nn.Linear(n_hidden, n_out)
            return nn.Sequential(first, nn.Tanh(), last)

        super().__init__((n_inputs,), bent(n_inputs, n_code), bent(n_code, n_inputs))


def bernoulli_kl(rho, rho_hat):
    """KL in nats between coins that show heads with probability `rho` and `rho_hat`, any shape.

    ``rho log(rho / rho_hat) + (1 - rho) log((1 - rho) / (1 - rho_hat))``
    """
    rho = torch.as_tensor(rho, dtype=rho_hat.dtype, device=rho_hat.device)
    heads, tails = torch.xlogy(rho, rho / rho_hat), (1 - rho) * torch.log1p(-rho_hat)
    return heads + torch.xlogy(1 - rho, 1 - rho) - tails


class SparseAutoencoder(Autoencoder):
    """One hidden layer of sigmoids, each of them on for a small share of the data (Ng, 2011).

    The penalty compares the *mean activation* of a unit over the batch with a target, as if both
    were coins. It is not the KL of a variational autoencoder, which compares codes with a Gaussian.

    Parameters
    ----------
    n_inputs, n_code : int
        There may be more units than inputs.
    sparsity : float in (0, 1)
        rho, the share wanted.
    strength : float
        Weight of the penalty; 0 is none.
    decay : float
        Weight of half the sum of the squared weights; without it units could be quiet and have
        large weights behind them.
    """

    def __init__(self, n_inputs, n_code, *, sparsity=0.02, strength=1.0, decay=2e-4):
        encoder = nn.Sequential(nn.Linear(n_inputs, n_code), nn.Sigmoid())
        super().__init__((n_inputs,), encoder, nn.Linear(n_code, n_inputs))
        self.sparsity = check_real("sparsity", sparsity, 0, 1, inclusive=False)
        self.strength = check_real("strength", strength, 0)
        self.decay = check_real("decay", decay, 0)

    def loss(self, x, *, generator=None):
        """``error / 2 + strength sum_j KL(rho || rho_hat_j) + decay sum w^2 / 2`` of a batch."""
        z = self.encode(x)
        error = sum_event((self.decode(z) - self.check(x)) ** 2).mean()
        sparse = bernoulli_kl(self.sparsity, z.mean(dim=0)).sum()
        weights = (self.encoder[0].weight ** 2).sum() + (self.decoder.weight**2).sum()
        return error / 2 + self.strength * sparse + self.decay * weights / 2


class ConvAutoencoder(Autoencoder):
    """Convolutional encoder that halves the image twice, a vector as code, and the way back.

    Parameters
    ----------
    n_code : int
    size : int
        Height and width of the images, a multiple of 4.
    n_channels : int
    n_hidden : int
        Features of the first layer; the deeper ones have twice as many.
    max_level : float
        Images have values 0 ... max_level, 16 for digits; they are scaled to [-1, 1] inside.
    """

    def __init__(self, n_code=16, *, size=8, n_channels=1, n_hidden=32, max_level=16):
        if check_integer("size", size, low=4) % 4:
            raise ValueError(f"size={size} must be a multiple of 4: the image is halved twice.")
        self.max_level = check_real("max_level", max_level, 0, inclusive=False)
        side, wide = size // 4, 2 * n_hidden
        encoder = nn.Sequential(
            nn.Conv2d(n_channels, n_hidden, 3, padding=1),  # (B, n_hidden, size, size)
            nn.SiLU(),
            nn.Conv2d(n_hidden, wide, 3, stride=2, padding=1),  # (B, wide, size / 2, size / 2)
            nn.SiLU(),
            nn.Conv2d(wide, wide, 3, stride=2, padding=1),  # (B, wide, size / 4, size / 4)
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(wide * side**2, n_code),
        )
        decoder = nn.Sequential(
            nn.Linear(n_code, wide * side**2),
            nn.Unflatten(1, (wide, side, side)),
            nn.SiLU(),
            nn.ConvTranspose2d(wide, wide, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose2d(wide, n_hidden, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(n_hidden, n_channels, 3, padding=1),
        )
        super().__init__((n_channels, size, size), encoder, decoder)

    def encode(self, x):
        """Codes (B, n_code) of images (B, n_channels, size, size)."""
        return self.encoder(2 * self.check(x) / self.max_level - 1)

    def decode(self, z):
        """Images of codes; nothing keeps them from leaving 0 ... max_level a little."""
        return (self.decoder(z) + 1) * self.max_level / 2


class DenoisingAutoencoder(Autoencoder):
    """Sees noisy data and is asked for the clean ones (Vincent et al., 2008).

    ``loss = E ||r(x + noise) - x||^2`` with Gaussian noise. The best r is the mean of what x may
    have been, and ``r(x) - x = noise_std^2 grad log p(x)`` where p is the density of noisy data.

    Parameters
    ----------
    autoencoder : Autoencoder
        Any of the above; by default the convolutional one for digits.
    noise_std : float
        Standard deviation of the noise, in the units of the data.
    """

    def __init__(self, autoencoder=None, noise_std=4.0):
        autoencoder = ConvAutoencoder() if autoencoder is None else autoencoder
        super().__init__(autoencoder.event_shape, None, None)  # each weight belongs to one module
        self.autoencoder = autoencoder
        self.noise_std = check_real("noise_std", noise_std, 0, inclusive=False)

    def encode(self, x):
        """Codes of data as they come, noisy or not: no noise is added."""
        return self.autoencoder.encode(x)

    def decode(self, z):
        """Clean data of codes."""
        return self.autoencoder.decode(z)

    def corrupt(self, x, *, generator=None):
        """Add the noise."""
        x = self.check(x)
        return x + self.noise_std * standard_normal(x.shape, generator=generator, like=x)

    def loss(self, x, *, generator=None):
        """Squared error of what is made of noisy data, against the clean data `x`."""
        return sum_event((self(self.corrupt(x, generator=generator)) - self.check(x)) ** 2).mean()

    def score(self, x):
        """``(r(x) - x) / noise_std^2``, an estimate of the gradient of the noisy log-density."""
        return (self(x) - self.check(x)) / self.noise_std**2


def optimal_denoiser(noisy, x, noise_std):
    """Mean of clean points given a noisy one, if the clean ones are the rows of `x`.

    ``sum_i w_i x_i`` with ``w = softmax(-||noisy - x_i||^2 / (2 noise_std^2))``; `noisy` is (B, d)
    and `x` (n, d). No denoiser has a smaller expected squared error on these data.
    """
    check_real("noise_std", noise_std, 0, inclusive=False)
    weights = torch.softmax(-(torch.cdist(noisy, x) ** 2) / (2 * noise_std**2), dim=1)
    return weights @ x


def projector(weight):
    """Orthogonal projector (d, d) onto the span of the columns of `weight` (d, k).

    Two decoders have the same subspace if and only if they have the same projector.
    """
    q, _ = torch.linalg.qr(weight)
    return q @ q.T


def converge(model, x, n_steps=1000):
    """Minimise ``model.loss(x)`` on all the data by L-BFGS; return the losses.

    For small models whose minimum is wanted to many digits: make model and data
    float64. It stops early where the gradient vanishes.
    """
    optimizer = torch.optim.LBFGS(
        model.parameters(),
        max_iter=check_integer("n_steps", n_steps),
        history_size=50,
        tolerance_grad=1e-10,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = model.loss(x)
        loss.backward()
        losses.append(loss.item())
        return loss

    optimizer.step(closure)
    return losses
