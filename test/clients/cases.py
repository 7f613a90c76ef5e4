"""Runs the functions of a script that are marked with `@case`, one JSON line each (helpers/python.ts)."""

import json
import sys
import threading
import traceback

_cases = []


def case(function):
    """Marks a test. Its name, with blanks for underscores, says what is tested."""
    _cases.append(function)
    return function


def run_cases(*arguments):
    failed = 0
    for function in _cases:
        failure = ""
        try:
            function(*arguments)
        except Exception:
            failure = traceback.format_exc()
            failed += 1
        # Clients print on stdout too: a line of our own begins where a line begins.
        print("\n" + json.dumps({"name": function.__name__.replace("_", " "), "failure": failure}), flush=True)
    print(json.dumps({"cases": len(_cases)}), flush=True)
    sys.exit(1 if failed else 0)


def at_once(count, work):
    """Calls `work(number)` in `count` threads and expects that none of them fails."""
    failures = []

    def guarded(number):
        try:
            work(number)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [], failures


def raises(kind, call, *words):
    """Calls `call` and expects an exception of `kind` whose text has all of `words`."""
    try:
        call()
    except kind as error:
        for word in words:
            assert word in str(error), f"{word!r} is not in {error}"
        return
    raise AssertionError(f"no {kind.__name__}")
