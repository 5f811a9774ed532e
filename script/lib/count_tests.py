"""Counts what a test run did: prints `PASSED FAILED`.

count_tests.py gtest FOLDER   GoogleTest's XML reports, and ctest.junit for programs that left none
count_tests.py tap FILE       what Node's test runner wrote as TAP
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


def count_gtest(folder):
    passed = failed = 0
    reported = set()
    for report in sorted(folder.glob("*.xml")):
        # Only the first tag is read: what a failing test printed may be no XML.
        text = report.read_text(encoding="utf-8", errors="replace")
        root = dict(re.findall(r'(\w+)="(\d*)"', text[text.find("<testsuites"):].split(">")[0]))
        bad = int(root.get("failures", 0)) + int(root.get("errors", 0))
        tests = int(root.get("tests", 0))
        skipped = int(root.get("disabled", 0)) + int(root.get("skipped", 0))
        passed += tests - bad - skipped
        failed += bad
        if bad:
            reported.add(report.stem)
    junit = folder / "ctest.junit"
    if not junit.exists():
        return passed, failed + 1
    programs = ElementTree.parse(junit).getroot().findall("testcase")
    for program in programs:
        # unit.wire is the program wire_test. It failed and its report does not say why: a crash, a
        # leak found at the end, a timeout.
        name = program.get("name", "").removeprefix("unit.") + "_test"
        if program.get("status") != "run" and name not in reported:
            failed += 1
    if not programs:
        failed += 1
    return passed, failed


def count_tap(path):
    if not path.exists():
        return 0, 1
    text = path.read_text(encoding="utf-8", errors="replace")
    numbers = dict(re.findall(r"^# (tests|pass|fail|cancelled) (\d+)$", text, re.MULTILINE))
    if "tests" not in numbers:
        return 0, 1  # the runner itself died
    return int(numbers["pass"]), int(numbers["fail"]) + int(numbers["cancelled"])


def main():
    kind, path = sys.argv[1], pathlib.Path(sys.argv[2])
    passed, failed = {"gtest": count_gtest, "tap": count_tap}[kind](path)
    print(passed, failed)


if __name__ == "__main__":
    main()
