"""Wrong answers that the checkers of book/inference/hidden_markov.md must refuse."""

import numpy as np


def columns_for_rows(before, A, column):
    joint = column * (A @ before)
    return joint / joint.sum(), joint.sum()


def not_divided(before, A, column):
    joint = column * (before @ A)
    return joint, joint.sum()


def weighed_before_it_is_predicted(before, A, column):
    joint = (before * column) @ A
    return joint / joint.sum(), joint.sum()


def scale_after_dividing(before, A, column):
    joint = column * (before @ A)
    alpha = joint / joint.sum()
    return alpha, alpha.sum()


def scale_forgotten(before, A, column):
    joint = column * (before @ A)
    return joint / joint.sum()


def passes(a0, A, B, x, later=1, turned=False, scaled=True):
    forwards, backwards, known = [], [np.ones(len(a0))], a0
    for s in x:
        joint = known * B[:, s]
        forwards.append(joint / joint.sum() if scaled else joint)
        known = forwards[-1] @ A
    for t in range(len(x) - 1, 0, -1):
        beta = (A.T if turned else A) @ (B[:, x[t - 1 + later]] * backwards[-1])
        backwards.append(beta / beta.sum() if scaled else beta)
    both = np.array(forwards) * np.array(backwards[::-1])
    with np.errstate(invalid="ignore"):
        return np.array(forwards), both / both.sum(axis=1, keepdims=True)


def filtered_only(a0, A, B, x):
    return passes(a0, A, B, x)[0]


def emits_the_symbol_of_now(a0, A, B, x):
    """The classical slip: B of x[t] where x[t + 1] belongs."""
    return passes(a0, A, B, x, later=0)[1]


def backwards_along_columns(a0, A, B, x):
    return passes(a0, A, B, x, turned=True)[1]


def underflows(a0, A, B, x):
    return passes(a0, A, B, x, scaled=False)[1]


def begins_with_a_step(a0, A, B, x):
    return passes(a0 @ A, A, B, x)[1]


def states_one_by_one(a0, A, B, x):
    """The likeliest state at each step is not the likeliest path."""
    return passes(a0, A, B, x)[1].argmax(axis=1)


def step_by_step(a0, A, B, x):
    """Greedy: the best next state, from the one before."""
    path = [int((a0 * B[:, x[0]]).argmax())]
    for s in x[1:]:
        path.append(int((A[path[-1]] * B[:, s]).argmax()))
    return path


def paths(a0, A, B, x, memory=True, turned=False, logs=True):
    with np.errstate(divide="ignore"):
        a0, A, B = (np.log(p) if logs else p for p in (a0, A.T if turned else A, B))
    join = np.add if logs else np.multiply
    best, came = [join(a0, B[:, x[0]])], []
    for s in x[1:]:
        ways = join(best[-1][:, None], A)
        came.append(ways.argmax(axis=0))
        best.append(join(ways.max(axis=0), B[:, s]))
    if not memory:
        return [int(row.argmax()) for row in best]
    path = [int(best[-1].argmax())]
    for before in came[::-1]:
        path.append(int(before[path[-1]]))
    return path[::-1]


def no_memory(a0, A, B, x):
    return paths(a0, A, B, x, memory=False)


def path_along_columns(a0, A, B, x):
    return paths(a0, A, B, x, turned=True)


def products_of_small_numbers(a0, A, B, x):
    return paths(a0, A, B, x, logs=False)


def path_from_its_end(a0, A, B, x):
    return paths(a0, A, B, x)[::-1]


def log_probability_only(a0, A, B, x):
    return 0.0


WRONG = {
    "forward_step": [
        columns_for_rows,
        not_divided,
        weighed_before_it_is_predicted,
        scale_after_dividing,
        scale_forgotten,
    ],
    "smooth": [
        filtered_only,
        emits_the_symbol_of_now,
        backwards_along_columns,
        underflows,
        begins_with_a_step,
    ],
    "best_path": [
        states_one_by_one,
        step_by_step,
        no_memory,
        path_along_columns,
        products_of_small_numbers,
        path_from_its_end,
        log_probability_only,
    ],
}
