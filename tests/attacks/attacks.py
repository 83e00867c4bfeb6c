#!/usr/bin/env python3
"""The attacks on Planwright, each with its guard and the test that shows it.

  attacks.py              runs the test of each attack that is held, and prints one line for each attack
  attacks.py --check      checks without running them that each test exists, that each patch applies, and that
                          docs/security.md is up to date
  attacks.py --docs       writes docs/security.md
  attacks.py --without [ID …]
                          takes each guard out in a copy of the repository, and checks that its test fails there;
                          for all of them this takes hours

An attack is a table in attacks.toml. Its patch, which takes the guard out, is ID.patch or what `patch` names.
"""

import argparse
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TABLE = HERE / "attacks.toml"
PAGE = ROOT / "docs" / "security.md"
COPY = ROOT / "target" / "attacks"
FIELDS = {"id", "source", "attack", "held", "guard", "at", "package", "test", "patch", "missing"}
# The headings of the page, by the beginning of `source`.
GROUPS = {
    "safety 1": "What is code, and who approved it",
    "safety 2": "Who is a person",
    "safety 3": "What a child process can reach",
    "safety 4": "A role has only what is its own",
    "safety 5": "A repository gets what a grant gives it",
    "safety 6": "What is recorded",
    "safety 7": "What is bounded",
    "": "What GitHub, merges and time do",
}
INTRO = """# Attacks, and what holds them

This page is generated from [`tests/attacks/attacks.toml`](../tests/attacks/attacks.toml) by `tests/attacks/attacks.py \
--docs`. `tests/run attacks` runs the test of each attack and prints one line for each; `tests/run attacks --without` \
takes each guard out in a copy and shows that its test fails there. [THREAT-MODEL.md](../THREAT-MODEL.md) says who \
attacks what, and what is left.
"""


def main():
    parser = argparse.ArgumentParser(description="runs or lists the attacks on Planwright")
    parser.add_argument("--check", action="store_true", help="check tests, patches and docs/security.md")
    parser.add_argument("--docs", action="store_true", help="write docs/security.md")
    parser.add_argument("--without", nargs="*", metavar="ID", help="take the guards of these attacks out, or all")
    options = parser.parse_args()
    attacks = read()
    if options.docs:
        PAGE.write_text(page(attacks))
    elif options.check:
        sys.exit(check(attacks))
    elif options.without is not None:
        sys.exit(without(attacks, options.without))
    else:
        sys.exit(run(attacks))


def read():
    """Returns the attacks by id; ends the program if the table is wrong."""
    attacks = {}
    for attack in tomllib.loads(TABLE.read_text())["attack"]:
        name = attack.get("id", "an attack without `id`")
        unknown = attack.keys() - FIELDS
        lacking = {"id", "source", "attack", "held"} - attack.keys()
        lacking |= ({"guard", "at"} if attack.get("held") else {"missing"}) - attack.keys()
        if unknown or lacking or name in attacks:
            sys.exit(f"{TABLE.name}: {name}: unknown {sorted(unknown)}, lacking {sorted(lacking)}, or there twice")
        attacks[name] = attack
    return attacks


def run(attacks, root=ROOT):
    """Runs the tests, prints one line for each attack, and returns the exit code."""
    results = tested({key(it) for it in attacks.values() if "test" in it}, root)
    count = collections.Counter()
    for attack in attacks.values():
        if not attack["held"]:
            state, words = "open", attack["missing"]
        elif "test" not in attack:
            state, words = "untested", attack["guard"]
        else:
            is_held = results.get(key(attack)) == "ok"
            state, words = ("held" if is_held else "FAILED"), f"{attack['guard']} ({attack['test']})"
        count[state] += 1
        print(f"{state:8}  {attack['id']} [{attack['source']}]: {words}")
    print(", ".join(f"{count[state]} {state}" for state in ("held", "FAILED", "untested", "open")))
    return 1 if count["FAILED"] else 0


def key(attack):
    """Returns the test binary and the name of a test: the stories and the tests of crates are separate."""
    package = attack.get("package", "planwright")
    is_unit = package != "planwright" or attack["test"].startswith("unit:")
    return (package if is_unit else "it", attack["test"].removeprefix("unit:"))


def cargo(root, arguments):
    """Runs `cargo test` with the features of all members, so that nothing is built twice."""
    command = ["cargo", "test", "--workspace", "--locked", "--no-fail-fast", *arguments]
    environment = {**os.environ, "INSTA_UPDATE": "no", "CARGO_TERM_COLOR": "never"}
    return subprocess.run(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    ).stdout


def tested(tests, root):
    """Runs tests, and returns `ok` or `FAILED` for each that ran."""
    results = {}
    for target in ["it", "lib"]:
        names = sorted(name for package, name in tests if (package == "it") == (target == "it"))
        if not names:
            continue
        arguments = ["--test", "it"] if target == "it" else ["--lib"]
        output = cargo(root, [*arguments, "--", "--exact", *names])
        package = "it"
        for line in output.splitlines():
            if binary := re.match(r"\s*Running \S+ \S+ \(\S*/deps/(\w+)-[0-9a-f]+\)", line):
                package = "it" if target == "it" else binary[1].replace("_", "-")
            if result := re.match(r"test (\S+) \.\.\. (ok|FAILED)", line):
                results[(package, result[1])] = result[2]
        if not results:
            print(output[-4000:], file=sys.stderr)
    return results


def check(attacks):
    """Returns 1 if a test does not exist, a patch does not apply, or the page is out of date."""
    mistakes = []
    known = set()
    for target in (["--test", "it"], ["--lib"]):
        output = cargo(ROOT, [*target, "--", "--list"])
        found = re.findall(r"^(\S+): test$", output, re.MULTILINE)
        if not found:
            print(output[-4000:])
            return 1
        known |= set(found)
    used = set()
    for attack in attacks.values():
        if "test" in attack and key(attack)[1] not in known:
            mistakes.append(f"{attack['id']}: there is no test {attack['test']}")
        if "at" in attack and not all((ROOT / it.split(":")[0]).is_file() for it in attack["at"].split(", ")):
            mistakes.append(f"{attack['id']}: a file of {attack['at']} does not exist")
        if "patch" in attack:
            used.add(attack["patch"])
            command = ["git", "apply", "--check", HERE / attack["patch"]]
            applied = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if applied.returncode:
                mistakes.append(f"{attack['id']}: its patch does not apply: {applied.stderr.strip()}")
    for patch in sorted(set(path.name for path in HERE.glob("*.patch")) - used):
        mistakes.append(f"{patch}: no attack names it")
    if not PAGE.exists() or PAGE.read_text() != page(attacks):
        mistakes.append("docs/security.md is out of date: write it with tests/attacks/attacks.py --docs")
    print("\n".join(mistakes) or f"{len(attacks)} attacks, {len(used)} patches: all tests exist, all patches apply")
    return 1 if mistakes else 0


def page(attacks):
    """Returns docs/security.md."""
    groups = collections.defaultdict(list)
    for attack in attacks.values():
        source = attack["source"]
        groups[next(title for start, title in GROUPS.items() if source.startswith(start))].append(attack)
    count = collections.Counter("held" if it["held"] else "open" for it in attacks.values())
    lines = [INTRO, f"{count['held']} attacks are held, {count['open']} are not yet."]
    for title in dict.fromkeys(GROUPS.values()):
        held = [it for it in groups[title] if it["held"]]
        left = [it for it in groups[title] if not it["held"]]
        lines += ["", f"## {title}"]
        if held:
            lines += ["", "| attack | held by | where | test |", "| --- | --- | --- | --- |"]
        for attack in held:
            test = f"`{attack['test']}`" if "test" in attack else "none yet"
            lines.append(f"| {attack['attack']} | {attack['guard']} | `{attack['at']}` | {test} |")
        if left:
            lines += ["", "| not held yet | what shows it, once it is |", "| --- | --- |"]
        lines += [f"| {attack['attack']} | {attack['missing']} |" for attack in left]
    return "\n".join(lines) + "\n"


def without(attacks, names):
    """Takes guards out one after the other in a copy, and returns 1 if an attack is still held."""
    for name in names:
        if "patch" not in attacks.get(name, {}):
            sys.exit(f"{name}: there is no such attack, or it has no patch")
    chosen = [it for it in attacks.values() if "patch" in it and (not names or it["id"] in names)]
    copy()
    # A test that fails with the guard in place shows nothing.
    before = tested({key(it) for it in chosen}, COPY)
    broken = [it["id"] for it in chosen if before.get(key(it)) != "ok"]
    if broken:
        print("these tests do not pass even with their guards: " + ", ".join(broken))
        return 1
    failures = 0
    for attack in chosen:
        patch = HERE / attack["patch"]
        subprocess.run(["git", "apply", patch], cwd=COPY, check=True)
        result = tested({key(attack)}, COPY).get(key(attack))
        subprocess.run(["git", "apply", "--reverse", patch], cwd=COPY, check=True)
        succeeds = result == "FAILED"
        failures += not succeeds
        words = {"FAILED": "the attack succeeds", "ok": "STILL HELD", None: "DOES NOT BUILD, or the test is missing"}
        print(f"without {patch.name}: {words[result]} ({attack['test']})", flush=True)
    print(f"{len(chosen)} guards taken out, {failures} made no difference")
    return 1 if failures else 0


def copy():
    """Makes a copy of the committed and the uncommitted files, with the components of this one."""
    if not COPY.exists():
        subprocess.run(["git", "clone", "--quiet", "--shared", ROOT, COPY], check=True)
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True
    ).stdout
    for name in files.decode().split("\0"):
        source, target = ROOT / name, COPY / name
        if not source.is_file():
            continue
        # A file that stays as it is keeps its time, so that it is not compiled again.
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    known = set(files.decode().split("\0"))
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=COPY, stdout=subprocess.PIPE, check=True).stdout
    for name in tracked.decode().split("\0"):
        if name and name not in known:
            (COPY / name).unlink(missing_ok=True)
    (COPY / "target").mkdir(exist_ok=True)
    for name in ("tools", "venv"):
        link = COPY / "target" / name
        if not link.exists():
            link.symlink_to(ROOT / "target" / name)


if __name__ == "__main__":
    main()
