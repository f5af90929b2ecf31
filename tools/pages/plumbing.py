"""What a code cell does for the book and not for its reader: keeping numbers, checking them."""

import ast

GLUE = "glue"
CHECKS = ("assert_", "assert")  # torch.testing.assert_close, np.testing.assert_allclose


def called(node):
    """Return the name of the function that a statement only calls, or an empty string."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return ""
    return getattr(node.value.func, "attr", getattr(node.value.func, "id", ""))


def imports_glue(node):
    """Say whether a statement imports `glue` and nothing else."""
    return isinstance(node, ast.ImportFrom) and [alias.name for alias in node.names] == [GLUE]


def inner(node):
    """Return the statements inside a `for`, `if` or `with` that has no other branch, else none."""
    plain = isinstance(node, ast.For | ast.If | ast.With) and not getattr(node, "orelse", [])
    return node.body if plain else []


def all_of(kind, statements):
    """Say whether there are statements, and all are of a kind."""
    return bool(statements) and all(map(kind, statements))


def keeps_a_number(node):
    """Say whether a statement does nothing but glue."""
    glues = called(node) == GLUE or imports_glue(node)
    return glues or all_of(keeps_a_number, inner(node))


def checks(node):
    """Say whether a statement does nothing but check, or glue."""
    asserts = isinstance(node, ast.Assert) or called(node).startswith(CHECKS)
    return asserts or keeps_a_number(node) or all_of(checks, inner(node))


def only_plumbing(code):
    """Say whether a cell only glues and checks, so that it can be folded."""
    return all_of(checks, ast.parse(code).body)


def without_glue(code):
    """Return the code of a cell without the statements that only keep numbers for the prose.

    One that is all that stands in a branch stays, and so does a branch that others follow.
    """
    lines, gone = code.split("\n"), set()
    found = list(ast.parse(code).body)
    while found:
        node = found.pop()
        if keeps_a_number(node):
            gone |= set(range(node.lineno - 1, node.end_lineno))
        elif not getattr(node, "orelse", []):
            found += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    kept = [line for number, line in enumerate(lines) if number not in gone]
    return "\n".join(kept).strip("\n")
