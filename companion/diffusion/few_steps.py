"""From noise to data in few steps or one: velocities, Heun's method, consistency models.

With ``cos a = sqrt(alpha_bar_t)`` a noisy image is ``x = cos(a) x_0 + sin(a) eps``: a point on a
quarter of a circle, that goes from the image at angle 0 to its noise at a right angle.

Chapter: `guidance`.
"""

from itertools import pairwise

import torch

from companion.diffusion.diffusion import DiffusionModel
from companion.diffusion.guidance import ConditionalDiffusion
from companion.diffusion.samplers import chosen_steps, start
from companion.distributions import standard_normal
from companion.train import MovingAverage, descend, fit, minibatches
from companion.validation import check_integer


def velocity(x0, noise, kept):
    """``u = cos(a) eps - sin(a) x_0``: how x moves as its angle grows.

    Salimans and Ho (2022) call it v.
    """
    return kept.sqrt() * noise - (1 - kept).sqrt() * x0


def turned_back(x, u, kept):
    """The image and the noise that a point and its velocity say: x and u, turned back by a."""
    cos, sin = kept.sqrt(), (1 - kept).sqrt()
    return cos * x - sin * u, sin * x + cos * u


def heun_step(x, u, u_after, angle, angle_after):
    """Go with the mean of two velocities: ``x + (b - a) (u_a + u_b) / 2``."""
    return x + (angle_after - angle) * (u + u_after) / 2


class VelocityDiffusion(ConditionalDiffusion):
    """A diffusion model whose network guesses the velocity in place of the noise.

    Near the end of the chain an error of the noise becomes an error of the image that is
    ``tan(a)`` times as large; an error of the velocity never grows. Parameters are those of
    `ConditionalDiffusion`.
    """

    def velocity(self, x_t, t, context=None, *, generator=None):
        """The network's guess of u, (B, *event)."""
        return self.network(x_t, t / self.n_steps, context, generator=generator)

    def noise(self, x_t, t, context=None, *, generator=None):
        """The noise that goes with that velocity."""
        u = self.velocity(x_t, t, context, generator=generator)
        return turned_back(x_t, u, self.at(self.alpha_bar, t))[1]

    def loss(self, x, context=None, *, generator=None):
        """Squared error of the velocity, some contexts replaced by zeros."""
        x0 = self.scaled(x)
        context = self.dropped(context, generator=generator)
        t = self.draw_steps(len(x0), generator)
        noise = standard_normal(x0.shape, generator=generator, like=x0)
        right = velocity(x0, noise, self.at(self.alpha_bar, t))
        x_t = self.q_sample(x0, t, noise)
        guess = self.velocity(x_t, t, context, generator=generator)
        return ((guess - right) ** 2).mean()


@torch.no_grad()
def heun_sample(model, n, context=None, *, n_taken=None, generator=None, path=None, z=None):
    """Draw with Heun's method along the angle: ``2 n_taken - 1`` calls of the network.

    Each step goes to where DDIM goes, asks there again, and takes the mean of both velocities. The
    last one ends at data, where there is no noise to ask for: it is DDIM's.

    Parameters
    ----------
    model : DiffusionModel
        Best a `VelocityDiffusion`: the velocity of another model divides by ``cos(a)``, which is
        nearly 0 at the start.
    n, context, n_taken, generator, path, z
        As for `ddim_sample`.

    Returns
    -------
    tensor (n, *event)
        Levels where the model's data are.
    """
    x = start(model, n, generator) if z is None else z
    steps = chosen_steps(model.n_steps, model.n_steps if n_taken is None else n_taken)

    def ask(x, step):
        noise = model.noise(x, torch.full((n,), step, device=x.device), context)
        kept = model.alpha_bar[step]
        x0 = (x - (1 - kept).sqrt() * noise) / kept.sqrt()
        return x0, noise, velocity(x0, noise, kept)

    for now, after in pairwise(steps):
        x0, noise, u = ask(x, now)
        kept, kept_after = model.alpha_bar[now], model.alpha_bar[after]
        there = kept_after.sqrt() * x0 + (1 - kept_after).sqrt() * noise  # DDIM's step
        if after > 0:
            angle, angle_after = torch.acos(kept.sqrt()), torch.acos(kept_after.sqrt())
            there = heun_step(x, u, ask(there, after)[2], angle, angle_after)
        x = there
        if path is not None:
            path.append(x)
    return model.levels(x)


class ConsistencyModel(DiffusionModel):
    """Jumps from any point of a teacher's path to the path's end (Song et al., 2023).

    ``f(x, t) = cos(a) x - sin(a) network(x, t)``, so that ``f(x, 0) = x`` whatever the weights.

    Parameters
    ----------
    network : nn.Module
        As for `VelocityDiffusion`; begin with a copy of the teacher's.
    teacher : DiffusionModel
        Whose paths are learned; its weights stay. Its schedule is ours.
    n_grid : int
        Points of a path on which f must agree, besides its end; at most the teacher's n_steps.
    """

    def __init__(self, network, teacher, n_grid=25):
        super().__init__(network, teacher.beta[1:], teacher.event_shape, teacher.n_levels)
        self.teacher = (teacher,)  # in a tuple: not among our weights
        grid = chosen_steps(self.n_steps, check_integer("n_grid", n_grid, high=self.n_steps))
        self.register_buffer("grid", torch.tensor(grid[::-1]), persistent=False)  # 0 ... T

    def _apply(self, fn, recurse=True):
        # What `to`, `double` and the others call: the teacher goes along.
        self.teacher[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def end(self, x_t, t, context=None, *, generator=None):
        """f(x_t, t): where the path through x_t ends, (B, *event); t (B,) from 0 to T."""
        u = self.network(x_t, t / self.n_steps, context, generator=generator)
        return turned_back(x_t, u, self.at(self.alpha_bar, t))[0]

    def neighbours(self, n, generator=None):
        """Draw n points of the grid but its first, and those before them: two (n,)."""
        device = self.grid.device if generator is None else generator.device
        i = torch.randint(1, len(self.grid), (n,), generator=generator, device=device)
        i = i.to(self.grid.device)
        return self.grid[i], self.grid[i - 1]

    @torch.no_grad()
    def one_step_back(self, x_t, now, after, context=None):
        """Where the teacher's DDIM goes from steps `now` to steps `after`, both (B,)."""
        teacher = self.teacher[0]
        noise = teacher.noise(x_t, now, context)
        x0, kept = teacher.clean(x_t, now, noise), self.at(self.alpha_bar, after)
        return kept.sqrt() * x0 + (1 - kept).sqrt() * noise

    def loss(self, x, context=None, *, target=None, generator=None):
        """Squared difference of f at two neighbours on a path of the teacher.

        The nearer end is what `target` says, the moving average of this model, or
        itself by default. No gradient flows through it, nor through the teacher.
        """
        x0 = self.scaled(x)
        now, after = self.neighbours(len(x0), generator)
        noise = standard_normal(x0.shape, generator=generator, like=x0)
        x_t = self.q_sample(x0, now, noise)
        with torch.no_grad():
            before = self.one_step_back(x_t, now, after, context)
            right = (self if target is None else target).end(before, after, context)
        return ((self.end(x_t, now, context, generator=generator) - right) ** 2).mean()

    @torch.no_grad()
    def sample(self, n, context=None, *, n_taken=1, generator=None):
        """Draw noise and jump; with more steps, noise the end again, to less, and jump again."""
        x = start(self, n, generator)
        for step in chosen_steps(self.n_steps, n_taken)[:-1]:
            t = torch.full((n,), step, device=x.device)
            if step < self.n_steps:
                x = self.q_sample(x, t, standard_normal(x.shape, generator=generator, like=x))
            x = self.end(x, t, context)
        return self.levels(x)


def distil(
    student, images, context, n_steps, *, generator, learning_rate=1e-3, batch_size=64, decay=0.99
):
    """Train a `ConsistencyModel` against the moving average of its own weights.

    Parameters
    ----------
    student : ConsistencyModel
        Changed in place.
    images : tensor (n, *event)
    context : tensor (n, n_context)
    n_steps, batch_size : int
    generator : torch.Generator
    learning_rate : float
        At first; it falls to 0 along half a cosine.
    decay : float
        Of the average.

    Returns
    -------
    model : ConsistencyModel
        The average, in evaluation mode.
    history : list of dict
    """
    optimizer = torch.optim.Adam(student.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    average = MovingAverage(student, decay)
    student.train()

    def step(batch):
        loss = student.loss(*batch, target=average.model, generator=generator)
        loss = descend(loss, optimizer, max_norm=1.0)
        schedule.step()
        average.update(student)
        return loss

    batches = minibatches(images, context, batch_size=batch_size, generator=generator)
    history = fit(step, batches, n_steps)
    return average.model, history
