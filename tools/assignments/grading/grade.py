"""Grades submissions: each is run in a sandbox, and nbgrader's gradebook records what came out."""

import asyncio
import hashlib
import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime

import nbformat
from tqdm import tqdm

from tools.assignments.course import CHECKED, AssignmentError
from tools.assignments.grading import submission
from tools.assignments.grading.run import Outcome, Run, execute, flags, is_check, name_of
from tools.assignments.release import unsolved


def key(folder, sources, sandbox):
    """Return a fingerprint of all that a result depends on."""
    digest = hashlib.sha256(repr((sandbox.limits, sandbox.unsafe)).encode())
    mine = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    for path in sorted([*mine, *sources.values()]):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.name!r} {content}".encode())
    return digest.hexdigest()


def handed_in(folder, wanted):
    """Match the notebooks of a submission with those that were given out.

    Returns
    -------
    found : dict
        Path by name. One notebook with a wrong name is taken for the one that is missing.
    notes : list of str
    """
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() == ".ipynb"]
    there = {path.stem: path for path in files}
    found = {name: there.pop(name) for name in wanted if name in there}
    missing, notes = [name for name in wanted if name not in found], []
    if len(missing) == len(there) == 1:
        found[missing[0]] = there.popitem()[1]
        notes.append(f"{found[missing[0]].name} was taken for {missing[0]}.ipynb")
        missing = []
    notes += [f"{name}.ipynb was not handed in" for name in missing]
    notes += [f"{path.name} belongs to no part of the assignment" for path in there.values()]
    return found, notes


def run_part(source, path, sandbox):
    """Run one notebook of a submission.

    Returns
    -------
    notebook, run : NotebookNode, Run
        With its outputs, and what happened.
    unread : str
        Why it could not be read; empty where it could, or was not handed in.
    """
    try:
        cells, unread = submission.read(path) if path else [], ""
    except ValueError as error:
        path, cells, unread = None, [], str(error)
    notebook, notes = submission.compose(source, cells)
    if path:
        run = asyncio.run(execute(notebook, sandbox))
    else:
        notes, run = [unread] if unread else [], Run()
        for position, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                run.outcomes[position] = Outcome(reason="nothing to run was handed in")
    run.notes[:0] = notes
    for position, outcome in run.outcomes.items():
        cell = notebook.cells[position]
        outcome.outputs = [output for output in map(clean, outcome.outputs) if output]
        cell.outputs = verdict(outcome) if is_check(cell) else outcome.outputs
    return notebook, run, unread


def clean(output):
    """Return an output as a reader may open it; None if a notebook cannot hold it.

    Text and pictures stay. What a browser would run does not.
    """
    text = submission.plain(json.dumps(output, ensure_ascii=False))
    output = nbformat.from_dict(json.loads(text))
    if "data" in output:
        picture = str(output.data.get("image/png", ""))
        kept = {"text/plain": str(output.data.get("text/plain", ""))}
        if picture and re.fullmatch(r"[\w+/=\s]+", picture, re.A):
            kept["image/png"] = picture
        output.data, output.metadata = nbformat.from_dict(kept), {}
    try:
        nbformat.validate(output, ref="output", version=4)
    except nbformat.ValidationError:
        return None
    return output


def verdict(outcome):
    """Return the outputs of a check from which nbgrader reads that it passed or failed."""
    errors = [output for output in outcome.outputs if output.output_type == "error"]
    if outcome.reason and not errors:
        name, _, text = outcome.reason.rpartition(": ")
        errors = [
            nbformat.v4.new_output(
                "error", ename=name or "NotRun", evalue=text, traceback=[outcome.reason]
            )
        ]
    return errors if outcome.reason else []


def lines_of(notebook, run):
    """Yield the lines about one notebook for a student's log."""
    yield from (f"  note: {note}" for note in run.notes)
    for position, outcome in run.outcomes.items():
        cell = notebook.cells[position]
        what = name_of(cell)
        if is_check(cell):
            worth = flags(cell)["points"]
            what += f": {0 if outcome.reason else worth} of {worth}"
        elif not outcome.reason:
            continue
        yield f"  {what} ({outcome.seconds} s) {outcome.reason}".rstrip()


def check(course, name, student, sources, sandbox, found_key):
    """Run a submission and write it, its log and its state."""
    folder = course.folder("submitted", name, student)
    found, notes = handed_in(folder, list(sources))
    target = course.folder(CHECKED, name, student)
    state_file(target).unlink(missing_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    log, unread = [f"{student}, {name}, {now}", *(f"note: {note}" for note in notes)], []
    for stem, path in sources.items():
        source = unsolved(nbformat.read(path, 4))
        notebook, run, reason = run_part(source, found.get(stem), sandbox)
        unread += [reason] if reason else []
        log += [f"{stem}.ipynb", *lines_of(notebook, run)]
        nbformat.write(notebook, target / f"{stem}.ipynb")
    if stamp := time_of(folder / "timestamp.txt"):
        (target / "timestamp.txt").write_text(stamp, encoding="utf-8")
    place = course.root / "logs" / name / f"{student}.txt"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("\n".join(log) + "\n", encoding="utf-8", errors="replace")
    save(target, {"key": found_key, "recorded": False, "unread": unread})


def time_of(path):
    """Return the time of a submission as nbgrader's exchange writes it; nothing if it is none."""
    from nbgrader.utils import parse_utc

    if path.is_symlink() or not path.is_file():
        return ""
    try:
        text = path.read_bytes()[:100].decode().strip()
        parse_utc(text)
    except (ValueError, OverflowError):
        return ""
    return text


def state_file(target):
    """Where the state of a submission is kept: beside its folder, which nbgrader copies."""
    return target.parent / f"{target.name}.json"


def save(target, state):
    """Write the state of a submission in one step."""
    draft = state_file(target).with_suffix(".draft")
    draft.write_text(json.dumps(state), encoding="utf-8")
    draft.replace(state_file(target))


def state_of(target):
    """Return the state of a submission; empty if it was not run to the end."""
    path = state_file(target)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def unread_of(course, name, student):
    """Return why notebooks of a student could not be read, a line each: the score is no zero."""
    return state_of(course.folder(CHECKED, name, student)).get("unread", [])


def record(course, name, student):
    """Write what came out of a submission's run into the gradebook."""
    target = course.folder(CHECKED, name, student)
    course.call("Autograde", name, student)
    save(target, state_of(target) | {"recorded": True})


def grade(course, name, sandbox, *, workers=None, again=False):
    """Grade every submission of an assignment that is not graded yet, and return the results.

    An interrupted run goes on where it stopped. A submission is run again if it, the assignment or
    the limits have changed.

    Returns
    -------
    dict
        For each student `(score, max_score, to be read)`: by a person, as a written answer or a
        file that could not be read.

    Raises
    ------
    AssignmentError
        If the assignment was not built, nothing was handed in, or a submission broke the grading;
        then the others are graded.
    NoSandboxError
        If submissions cannot be isolated.
    """
    sandbox.check()
    sources = course.notebooks("source", name)
    students = sorted(path.parent.name for path in course.root.glob(f"submitted/*/{name}"))
    if not students:
        raise AssignmentError(f"nothing was handed in: put it into submitted/STUDENT/{name}/")
    states = {s: state_of(course.folder(CHECKED, name, s)) for s in students}
    keys = {s: key(course.folder("submitted", name, s), sources, sandbox) for s in students}
    failed = {}
    fresh = {s for s in students if states[s].get("key") == keys[s] and not again}
    with (
        ThreadPoolExecutor(workers or os.cpu_count()) as pool,
        tqdm(total=len(students), unit="submission") as bar,
    ):
        jobs = {
            pool.submit(check, course, name, s, sources, sandbox.for_user(number), keys[s]): s
            for number, s in enumerate(students)
            if s not in fresh
        }
        try:
            for student in fresh:
                if not states[student]["recorded"]:
                    record(course, name, student)
                bar.update()
            for job in as_completed(jobs):
                bar.set_postfix_str(jobs[job])
                try:
                    job.result()
                    record(course, name, jobs[job])
                except Exception as error:  # one submission must not keep others from being graded
                    failed[jobs[job]] = f"{type(error).__name__}: {error}"
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failed:
        lines = "".join(f"\n  {student}: {error}" for student, error in failed.items())
        raise AssignmentError(f"all are graded except these; run it again:{lines}")
    return results(course, name, students)


def results(course, name, students):
    """Return what the gradebook says about each student."""
    with course.gradebook() as book:
        found = {s: book.find_submission(name, s) for s in students}
        return {
            s: (x.score, x.max_score, x.needs_manual_grade or bool(unread_of(course, name, s)))
            for s, x in found.items()
        }
