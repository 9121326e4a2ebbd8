# SPDX-License-Identifier: MIT
"""Tables and a plot of what was measured."""
import pathlib
import platform
import statistics
import sys
import textwrap


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def machine():
    """What /proc/cpuinfo and uname say, without the machine's name."""
    fields = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    system = platform.uname()
    memory = pathlib.Path("/proc/meminfo").read_text().split()[1]
    return (f"{len(list(pathlib.Path('/sys/devices/system/cpu').glob('cpu[0-9]*')))} CPUs "
            f"({fields.get('model name', fields.get('Processor', 'unknown'))}, family {fields.get('cpu family', '?')}, "
            f"model {fields.get('model', '?')}), {int(memory) / 2**20:.0f} GiB of memory, "
            f"{system.system} {system.release.split('-')[0]} {system.machine}")


def rounded(value):
    return f"{value:,.0f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def values_of(result, case, name, metric):
    return [one[metric] for one in result["cases"][case.name].get(name, [])]


def target_rows(cases, result):
    for case in cases:
        for target in case.targets:
            of, to = (values_of(result, case, name, case.metric) for name in (target.of, target.to))
            wanted = f"{target.least:g}" if target.least else f"{target.most:g} at most"
            if not of or not to:
                yield target.text, wanted, "not measured", "", ""
                continue
            ratio = statistics.median(of) / statistics.median(to)
            first, third = quartiles([a / b for a, b in zip(of, to)])
            good = ratio >= target.least and (not target.most or ratio <= target.most)
            yield (target.text, wanted, f"{ratio:.2f}", f"{first:.2f} to {third:.2f}", "yes" if good else "**no**")
    yield from figure_rows(result)


def figure_rows(result):
    """What is counted and not timed."""
    count = result.get("instructions")
    if count:
        yield ("user-space instructions for one READ, core and wire", "600 at most", rounded(count), "",
               "yes" if count <= 600 else "**no**")
    memory = result.get("memory")
    if memory:
        yield ("resident memory at 16 sessions", "6 MiB at most", f"{memory['at_16_kib'][0] / 1024:.1f} MiB", "",
               "yes" if memory["at_16_kib"][0] <= 6 * 1024 else "**no**")
        yield ("resident memory per further idle session", "256 bytes at most", f"{memory['per_session']:.0f} bytes",
               "", "yes" if memory["per_session"] <= 256 else "**no**")


def targets(cases, result):
    return table(("case", "at least", "ratio of medians", "quartiles of the rounds", "reached"),
                 target_rows(cases, result))


def case_rows(case, result):
    first = None
    for contender in case.contenders:
        runs = result["cases"][case.name].get(contender.name)
        if not runs:
            continue
        def median(key, runs=runs):
            return statistics.median(one[key] for one in runs)
        rate = median("ops_per_s")
        first = first or rate
        low, high = quartiles([one["ops_per_s"] for one in runs])
        yield (contender.name, rounded(rate), f"{rounded(low)} to {rounded(high)}", f"{median('mb_per_s'):.1f}",
               f"{rate / first:.2f}", *(f"{median(key) / 1000:.0f}" for key in ("p50_ns", "p99_ns", "p999_ns")),
               f"{median('server_cpu'):.2f}", f"{median('client_cpu'):.2f}")


def case_table(case, result):
    head = ("", "requests/s", "quartiles", "MB/s", "ratio", "p50 µs", "p99 µs", "p99.9 µs", "server CPU", "client CPU")
    return f"### {case.title}\n\n{table(head, case_rows(case, result))}"


def markdown(cases, result):
    parts = [f"{result['machine']}. {result['rounds']} rounds of {result['seconds']:g} s."]
    parts += [targets(cases, result)] + [case_table(case, result) for case in cases]
    if result.get("memory"):
        memory = result["memory"]
        rows = (("16 sessions, room for 256", *memory["at_16_kib"]),
                ("16 sessions, room for 20,000", *memory["large_16_kib"]),
                (f"{memory['more']:,} idle sessions more", *memory["large_kib"]))
        parts.append("### Memory of blockheadd\n\n" + table(("", "resident, KiB", "of that no file's, KiB"), (
            (name, rounded(whole), rounded(own)) for name, whole, own in rows)))
    notes = sorted(set(result["notes"]))
    if notes:
        parts.append("### Notes\n\n" + "\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts) + "\n"


def record(path, name, text):
    """Puts the text between the two marks of that name in the file."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = path.read_text().partition(begin)
    after = rest.partition(end)[2]
    if not after:
        sys.exit(f"{path} has no lines {begin} and {end}")
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")


COLOURS = {"ours": "#1f5fa8", "bare": "#b9c4cf", "plain": "#8a97a5", "other": "#d98c3f"}
KINDS = {"ours": "blockheadd", "bare": "bare echo, without storage", "plain": "recvfrom, pread, sendto",
         "other": "other servers"}
COLUMNS = 3


def draw(panel, case, result, most):
    """A bar a contender: the median, with the quartiles as a line."""
    bars = [(one, [rate / 1000 for rate in values_of(result, case, one.name, "ops_per_s")])
            for one in case.contenders]
    bars = [(one, values) for one, values in bars if values]
    for at, (one, values) in enumerate(bars):
        middle = statistics.median(values)
        low, high = quartiles(values)
        low, high = min(low, middle), max(high, middle)
        panel.barh(at, middle, color=COLOURS[one.kind], xerr=[[middle - low], [high - middle]],
                   error_kw={"linewidth": 0.8})
        panel.annotate(f" {middle:,.0f}", (high, at), va="center")
    panel.set_yticks(range(len(bars)), [one.name for one, _ in bars])
    panel.set_ylim(most - 0.4, -0.6)
    panel.set_title(textwrap.fill(case.title, 46), fontsize=8, loc="left")
    panel.margins(x=0.15)
    panel.spines[["top", "right"]].set_visible(False)


def plot(cases, result, path):
    """A panel a case."""
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import patches, pyplot
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "blockhead", "font.size": 8})
    drawn = [case for case in cases if case.drawn and result["cases"].get(case.name)]
    rows = -(-len(drawn) // COLUMNS)
    figure, panels = pyplot.subplots(rows, COLUMNS, figsize=(11, 2.2 * rows + 0.4), squeeze=False)
    most = max(len(case.contenders) for case in drawn)
    for panel, case in zip(panels.flat, drawn):
        draw(panel, case, result, most)
    for panel in panels.flat[len(drawn):]:
        panel.axis("off")
    figure.legend(handles=[patches.Patch(color=COLOURS[kind], label=text) for kind, text in KINDS.items()],
                  title="thousand requests a second", loc="upper left", ncols=len(KINDS), frameon=False,
                  alignment="left")
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.4 / (2.2 * rows + 0.4)))
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
