"""Wrong answers that the checkers of book/clustering/judging.md must refuse."""

import numpy as np
from scipy.special import comb


def mean_over_clusters(classes, clusters):
    classes, clusters = np.asarray(classes), np.asarray(clusters)
    groups = [classes[clusters == k] for k in np.unique(clusters)]
    return np.mean([np.unique(g, return_counts=True)[1].max() / len(g) for g in groups])


def cluster_of_each_class(classes, clusters):
    classes, clusters = np.asarray(classes), np.asarray(clusters)
    groups = [clusters[classes == c] for c in np.unique(classes)]
    return sum(np.unique(g, return_counts=True)[1].max() for g in groups) / len(classes)


def same_number(classes, clusters):
    return np.mean(np.asarray(classes) == np.asarray(clusters))


def pairs(table):
    table = np.asarray(table)
    classes, clusters = comb(table.sum(axis=1), 2).sum(), comb(table.sum(axis=0), 2).sum()
    return comb(table, 2).sum(), classes, clusters, comb(table.sum(), 2)


def not_adjusted(table):
    both, classes, clusters, total = pairs(table)
    return (total + 2 * both - classes - clusters) / total


def the_smaller_as_maximum(table):
    both, classes, clusters, total = pairs(table)
    expected = classes * clusters / total
    return (both - expected) / (min(classes, clusters) - expected)


def the_geometric_mean_as_maximum(table):
    both, classes, clusters, total = pairs(table)
    expected = classes * clusters / total
    return (both - expected) / (np.sqrt(classes * clusters) - expected)


def expected_without_pairs(table):
    both, classes, clusters, _ = pairs(table)
    expected = classes * clusters / np.asarray(table).sum() ** 2
    return (both - expected) / ((classes + clusters) / 2 - expected)


WRONG = {
    "purity": [mean_over_clusters, cluster_of_each_class, same_number],
    "ari": [
        not_adjusted,
        the_smaller_as_maximum,
        the_geometric_mean_as_maximum,
        expected_without_pairs,
    ],
}
