"""The code that a submission's kernel runs beside the submission: guard and proof of a check.

A check does not pass through IPython, whose hooks a submission can change: the guard compiles and
runs it, with what it kept from the time before the submission.
"""

import hashlib
import json

# Remembers what set-up and libraries define, and gives back the function that runs a check.
REMEMBER = """
def _remember(word, secret):
    import builtins, hashlib, json, sys, types

    trusted = ("builtins", "math", "numpy", "scipy", "sklearn", "torch", "companion")
    spaces = [("", globals())]
    spaces += [
        (f"{name}.", vars(module))
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in trusted and isinstance(module, types.ModuleType)
    ]
    kept, codes = [], {}
    for prefix, space in spaces:
        for name, value in list(space.items()):
            if name.startswith("_") and space is not vars(builtins) or name == "input":
                continue  # input is another one in every cell
            if callable(value) or isinstance(value, types.ModuleType):
                kept.append((prefix + name, space, name, value))
                inner = getattr(value, "__wrapped__", value)
                if isinstance(inner, types.FunctionType):
                    codes[inner] = (prefix + name, inner.__code__)
    here, write, dumps, digest = globals(), sys.stdout.write, json.dumps, hashlib.sha256
    build, run, nothing = compile, exec, object()

    def check(source, number):
        changed = []
        for full, space, name, value in kept:
            if space.get(name, nothing) is not value:
                space[name] = value
                changed.append(full)
        for function, (full, code) in codes.items():
            if function.__code__ is not code:
                function.__code__ = code
                changed.append(full)
        write(word + dumps(changed) + "\\n")
        run(build(source, "<check>", "exec"), here)
        write(digest((secret + number).encode()).hexdigest())

    sys.modules[word] = check
"""


def remember(word, secret):
    """Return the code that runs once, before the first cell of the student."""
    return f"{REMEMBER}\n\n_remember({word!r}, {secret!r})\ndel _remember"


def check(word, number, source):
    """Return the code that runs a check.

    It puts back what was replaced, prints the names after `word`, and at the end the proof.
    """
    return f"__import__('sys').modules[{word!r}]({source!r}, {number!r})"


def proof(secret, number):
    """Return what a check prints that ran to its end."""
    return hashlib.sha256((secret + number).encode()).hexdigest()


def read(outputs, word, proved):
    """Take what the guard printed, and its frames, out of a check's outputs.

    Returns
    -------
    restored : list of str or None
        What was put back; None if the guard did not run.
    complete : bool
        Whether the check ran to its end.
    """
    complete = take_out(outputs, proved) is not None
    restored = take_out(outputs, word)
    for output in outputs:
        if output.output_type == "error":
            output.traceback = [part for part in output.traceback if word not in part]
    return None if restored is None else json.loads(restored), complete


def take_out(outputs, word):
    """Remove `word` and what follows it in its line from printed output; return what followed."""
    for output in outputs:
        if output.output_type == "stream" and word in output.text:
            before, _, after = output.text.partition(word)
            line, _, rest = after.partition("\n")
            output.text = before + rest
            if not output.text:
                outputs.remove(output)
            return line
    return None
