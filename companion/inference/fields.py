"""Steps of mean field on tables: one marginal from the others, and the bound.

Chapter: `variational`.
"""

import numpy as np
from scipy.special import softmax, xlogy

from companion.inference.graphical_models import observe


def log_factors(model, evidence):
    """Variables and log tables of all factors, what was seen cut out; refuses a zero."""
    logs = []
    for f in model.factors:
        f = observe(f, evidence)
        if not (f.table > 0).all():
            raise ValueError(
                f"the factor of {f.variables} has a 0, and a product of marginals that touches it "
                "has bound -inf: give it a small weight, 1e-9 say, or use variable_elimination."
            )
        logs.append((f.variables, np.log(f.table)))
    return logs


def expected_log_factor(variables, table, q, v):
    """E log f under the marginals `q` of all its variables but v, for each state of v."""
    for axis in reversed(range(len(variables))):
        if variables[axis] != v:
            table = np.tensordot(table, q[variables[axis]], axes=(axis, 0))
    return table


def coordinate_update(factors, q, v):
    """The best marginal of v while the others stay: exp E log f, of sum 1."""
    return softmax(sum(expected_log_factor(*f, q, v) for f in factors if v in f[0]))


def bound_of(factors, q):
    """``E log p~ + entropy`` under the product of the marginals q, in nats."""
    energy = sum(expected_log_factor(*f, q, None) for f in factors)
    return float(energy - sum(xlogy(p, p).sum() for p in q.values()))
