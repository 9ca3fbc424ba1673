"""`python3 -m course_lib`: sets everything up and opens the course. See course_lib/cli/.

This file must parse on any Python, so that one too old for the course gets a sentence and not a SyntaxError.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "This course needs Python 3.11 or newer; this is %d.%d (%s).\n"
        "Next: install a newer one (https://www.python.org/downloads/) and start the course with it, for example\n"
        "  python3.12 -m course_lib        (on Windows: py -3.12 -m course_lib)"
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )

from course_lib.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
