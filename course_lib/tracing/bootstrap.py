"""What the traced program's own interpreter is started with: it runs the program, with the recorder around it.

    python bootstrap.py SETTINGS PROGRAM [ARGUMENTS]

This file must parse on any Python, so that one too old gets a sentence. It imports course_lib from where it lies
itself, and takes that folder off the path again before the program begins.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "trace: the program's Python is %d.%d (%s), and the recorder needs 3.11 or newer. Next: name another one, "
        "--python PATH" % (sys.version_info[0], sys.version_info[1], sys.executable)
    )

import os

if __name__ == "__main__":
    course = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if not sys.flags.safe_path:
        del sys.path[0]  # this file's folder, which Python has put there
    sys.path.insert(0, course)
    from course_lib.tracing import running

    sys.path.remove(course)
    running.run(sys.argv[1], sys.argv[2], sys.argv[3:])
