"""Wrong answers that the checkers of book/components/pca.md must refuse."""

import numpy as np

from companion.components.pca import PCA


def mean_over_entries(X, new, k):
    few = PCA(k).fit(X)
    return np.square(new - few.inverse_transform(few.transform(new))).mean()


def without_the_mean_added(X, new, k):
    few = PCA(k).fit(X)
    return np.square(new - few.transform(new) @ few.components_).sum(axis=1).mean()


def what_is_kept(X, new, k):
    return PCA(k).fit(X).explained_variance_.sum()


def share_of_the_variance(X, new, k):
    return 1 - PCA(k).fit(X).explained_variance_ratio_.sum()


def variances_left_out(X, new, k):
    return PCA().fit(X).explained_variance_[k:].sum()


def the_same_with_n(X, new, k):
    return PCA().fit(X).explained_variance_[k:].sum() * (len(X) - 1) / len(X)


def fitted_to_new(X, new, k):
    few = PCA(min(k, len(new))).fit(new)
    return np.square(new - few.inverse_transform(few.transform(new))).sum(axis=1).mean()


def with_the_mean_of_new(X, new, k):
    V = PCA(k).fit(X).components_
    away = new - new.mean(axis=0)
    return np.square(away - away @ V.T @ V).sum(axis=1).mean()


def in_place(X, new, k):
    X -= X.mean(axis=0)
    few = PCA(k).fit(X)
    return np.square(new - few.inverse_transform(few.transform(new))).sum(axis=1).mean()


def one_for_each_row(X, new, k):
    few = PCA(k).fit(X)
    return np.square(new - few.inverse_transform(few.transform(new))).sum(axis=1)


def divided_by_the_variance(X, k):
    z = PCA(k).fit_transform(X)
    return z / z.var(axis=0)


def divided_by_singular_values(X, k):
    few = PCA(k).fit(X)
    return few.transform(X) / few.singular_values_


def standardised_columns(X, k):
    varied = X[:, X.std(axis=0) > 0][:, :k]
    return (varied - varied.mean(axis=0)) / varied.std(axis=0)


def without_the_mean_off(X, k):
    few = PCA(k).fit(X)
    return X @ few.components_.T / np.sqrt(few.explained_variance_)


def last_components(X, k):
    z = PCA(40).fit_transform(X)[:, -k:]
    return z / z.std(axis=0)


def plain_scores(X, k):
    return PCA(k).fit_transform(X)


WRONG = {
    "lost": [
        mean_over_entries,
        without_the_mean_added,
        what_is_kept,
        share_of_the_variance,
        variances_left_out,
        the_same_with_n,
        fitted_to_new,
        with_the_mean_of_new,
        in_place,
        one_for_each_row,
    ],
    "whiten": [
        divided_by_the_variance,
        divided_by_singular_values,
        standardised_columns,
        without_the_mean_off,
        last_components,
        plain_scores,
    ],
}
