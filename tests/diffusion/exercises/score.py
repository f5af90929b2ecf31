"""Wrong answers that the checkers of book/diffusion/score.md must refuse."""


def the_step_times_the_noise(x, score, step, noise):
    return x + step * score(x) + step * noise


def root_of_the_step(x, score, step, noise):
    return x + step * score(x) + step**0.5 * noise


def downhill(x, score, step, noise):
    return x - step * score(x) + (2 * step) ** 0.5 * noise


def without_noise(x, score, step, noise):
    return x + step * score(x)


def arrow_after_the_noise(x, score, step, noise):
    moved = x + (2 * step) ** 0.5 * noise
    return moved + step * score(moved)


def the_step_alone(x, score, step, noise):
    return step * score(x) + (2 * step) ** 0.5 * noise


def aims_at_plus_the_noise(score, x, sigma, noise):
    width = sigma[:, None]
    return ((width * score(x + width * noise, sigma) - noise) ** 2).sum(dim=1)


def scores_unweighted(score, x, sigma, noise):
    width = sigma[:, None]
    return ((score(x + width * noise, sigma) + noise / width) ** 2).sum(dim=1)


def divided_by_the_variance(score, x, sigma, noise):
    width = sigma[:, None]
    return ((width * score(x + width * noise, sigma) + noise / width**2) ** 2).sum(dim=1)


def mean_of_the_entries(score, x, sigma, noise):
    width = sigma[:, None]
    return ((width * score(x + width * noise, sigma) + noise) ** 2).mean(dim=1)


def one_number(score, x, sigma, noise):
    width = sigma[:, None]
    return ((width * score(x + width * noise, sigma) + noise) ** 2).sum(dim=1).mean()


def levels_along_the_entries(score, x, sigma, noise):
    return ((sigma * score(x + sigma * noise, sigma) + noise) ** 2).sum(dim=1)


def asks_at_the_clean_point(score, x, sigma, noise):
    return ((sigma[:, None] * score(x, sigma) + noise) ** 2).sum(dim=1)


def one_level_for_all(score, x, sigma, noise):
    width = sigma[:, None]
    return ((width * score(x + width * noise, 0 * sigma + sigma[0]) + noise) ** 2).sum(dim=1)


def noise_without_its_level(score, x, sigma, noise):
    return ((sigma[:, None] * score(x + noise, sigma) + noise) ** 2).sum(dim=1)


WRONG = {
    "step_of_walk": [
        the_step_times_the_noise,
        root_of_the_step,
        downhill,
        without_noise,
        arrow_after_the_noise,
        the_step_alone,
    ],
    "guessing_loss": [
        aims_at_plus_the_noise,
        scores_unweighted,
        divided_by_the_variance,
        mean_of_the_entries,
        one_number,
        levels_along_the_entries,
        asks_at_the_clean_point,
        one_level_for_all,
        noise_without_its_level,
    ],
}
