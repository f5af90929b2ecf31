"""A new gradebook asks a program of nbgrader for a version, which takes seconds: once is enough."""

import shutil
from functools import cache

import pytest

from tests.tools.assignments.small_set import make_course
from tools.assignments.course import Course


@pytest.fixture(scope="package", autouse=True)
def one_version_of_the_gradebook():
    """Remember the version of nbgrader's tables."""
    from nbgrader import api

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "get_alembic_version", cache(api.get_alembic_version))
        yield


@pytest.fixture(scope="package")
def built(tmp_path_factory):
    """A course with the small set built: for copies only."""
    return make_course(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def course(built, tmp_path_factory):
    """A course of a module's own, with the small set built."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(built.root, folder, dirs_exist_ok=True)
    return Course(folder)
