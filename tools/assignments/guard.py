"""The code that a submission's kernel runs beside the submission: guard and proof of a check."""

# Remembers the functions, classes and modules that set-up and libraries define.
REMEMBER = """
def _remember(word):
    import json, sys, types

    kinds = (types.FunctionType, types.BuiltinFunctionType, type, types.ModuleType)
    trusted = ("builtins", "math", "numpy", "scipy", "sklearn", "torch", "companion")
    spaces = [("", globals())]
    spaces += [
        (f"{name}.", vars(module))
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in trusted and isinstance(module, types.ModuleType)
    ]
    kept = [
        (prefix + name, space, name, value)
        for prefix, space in spaces
        for name, value in list(space.items())
        if not name.startswith("_") and isinstance(value, kinds)
    ]
    write, dumps, nothing = sys.stdout.write, json.dumps, object()

    def restore():
        changed = [
            (full, space, name, value)
            for full, space, name, value in kept
            if space.get(name, nothing) is not value
        ]
        for _, space, name, value in changed:
            space[name] = value
        write(word + dumps([full for full, *_ in changed]))

    sys.modules[word] = restore
"""


def remember(word):
    """Return the code that runs once, before the first cell of the student."""
    return f"{REMEMBER}\n\n_remember({word!r})\ndel _remember"


def restore(word):
    """Return the code that puts back what was replaced, and prints its names after `word`."""
    return f"__import__('sys').modules[{word!r}]()"


def proof(word):
    """Return the line that ends a check and shows that it ran to its end."""
    return f"\n__import__('sys').stdout.write({word!r});"
