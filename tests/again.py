"""Run test files again and again, and say which tests failed by luck: python tests/again.py 20 tests/test_servers.py

In the environment, from the course's folder. What follows the number goes to pytest. Each run has a log of its own, and
the exit status says whether any run failed. Beside other load (two endless loops in other terminals) it finds more.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path


def main(times: int, arguments: list[str]) -> int:
    """Run pytest so often; print a line for each run, and at the end how often each test failed."""
    folder, failed, bad = Path(tempfile.mkdtemp(prefix="again-")), Counter[str](), 0
    print(f"logs: {folder}", flush=True)
    for number in range(1, times + 1):
        began, log = time.monotonic(), folder / f"{number:03}.log"
        with log.open("w") as written:
            command = [sys.executable, "-m", "pytest", "-q", *arguments]
            status = subprocess.run(command, stdout=written, stderr=subprocess.STDOUT, check=False).returncode
        names = re.findall(r"^(?:FAILED|ERROR) (\S+)", log.read_text(errors="replace"), re.MULTILINE)
        failed.update(names)
        bad += status != 0
        print(f"{number}: status {status}, {time.monotonic() - began:.0f} s {' '.join(names)}", flush=True)
    for name, count in failed.most_common():
        print(f"{count} of {times}: {name}")
    print(f"{times - bad} of {times} runs were green")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
