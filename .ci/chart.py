"""Draws the points of .ci/growth as one SVG: a column for each thing that grows, time above peak memory, and a last row of
things over which only time was measured; both axes logarithmic. Knows nothing of how points are measured."""

import math
import statistics
from html import escape

WIDTH = 1080
PANEL_WIDTH, PANEL_HEIGHT = 262, 180
LEFT, TOP, ACROSS, DOWN = 78, 116, 342, 244
ROW = 2 * DOWN + 30
HEIGHT = 600  # of one row of columns; what a second one adds has one panel
SECOND_ROW = DOWN + 30

STYLE = """
text { font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #57606a }
.paper { fill: #ffffff } .grid { stroke: #d8dee4 } .frame { stroke: #8c959f; fill: none }
.title { font-size: 15px; font-weight: 600; fill: #1f2328 } .name { fill: #1f2328 }
.line { fill: none; stroke-width: 2 } .spread { stroke-width: 1.5 }
.one { stroke: #0969da } .one.dot { fill: #0969da } .two { stroke: #8250df } .two.dot { fill: #8250df }
.target { stroke: #bc4c00; stroke-dasharray: 5 4; stroke-width: 1.5; fill: none }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1 } .title, .name { fill: #f0f6fc }
.paper { fill: #0d1117 } .grid { stroke: #2b3138 } .frame { stroke: #656c76 }
.one { stroke: #4493f8 } .one.dot { fill: #4493f8 } .two { stroke: #ab7df8 } .two.dot { fill: #ab7df8 }
.target { stroke: #f0883e } }
"""

MEMORY = 25e6  # bytes; the target for all peaks


def counted(count):
    return f"{count // 10**6} M" if count >= 10**6 else f"{count // 1000} k" if count >= 1000 else str(count)


def sizes(count):
    return f"{count >> 30} GiB" if count >= 1 << 30 else f"{count >> 20} MiB"


def time_rate(each):
    """Says a slope in seconds as so much for one thing."""

    def say(slope):
        number, unit = (slope * 1e6, "µs") if slope < 1e-3 else (slope * 1e3, "ms")
        return f"{number:.2g} {unit} {each}"

    return say


# A column: its title, how its x is written, the axis below, its series, then for time and, where that was measured, for
# memory how a slope is said, the target by x and by the first y, and what that is called.
COLUMNS = [
    ("Context files", counted, "files in the context", ["no-op", "one file changed"],
     time_rate("a file"), lambda x, _: x * 1e-6, "target of a no-op: 1 µs a file",
     lambda slope: f"{slope:.0f} bytes a file", lambda x, first: first + 150 * x, "target: 150 bytes a file"),
    ("RUN steps", str, "RUN steps", ["RUN steps"],
     time_rate("a step"), lambda x, _: x * 4e-3, "target: 4 ms a step",
     lambda slope: f"{slope / 1e3:.0f} kB a step", lambda *_: MEMORY, "target: 25 MB"),
    ("Size of a file, to a zstd archive", sizes, "size of the file", ["dense file", "sparse file"],
     lambda slope: f"{1 / slope / 1e6:.0f} MB/s", lambda x, _: x / 500e6, "target: 500 MB/s",
     lambda _: "", lambda *_: MEMORY, "target: 25 MB"),
    ("Tagged images in the store", counted, "images",
     ["no-op in a store of images", "new image in a store of images"],
     time_rate("an image"), lambda _, first: 1.2 * first, "target of a no-op: first + 1/5"),
    ("Cache records in the store", counted, "records", ["no-op in a store of records"],
     lambda _: "", lambda _, first: 1.2 * first, "target: first + 1/5"),
    ("Builds at once", str, "processes, for each build", ["builds at once"],
     lambda _: "", lambda _, first: first, "target: no longer than one alone"),
]  # fmt: skip
ACROSS_PAGE = 3


def chart(found):
    """The drawing of these points, as the text of an SVG."""
    about = found["about"]
    machine = about["machine"]
    measured = {point["series"] for point in found["points"]}
    columns = [column for column in COLUMNS if measured.intersection(column[3])]
    height = HEIGHT + (SECOND_ROW if len(columns) > ACROSS_PAGE else 0)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="How rbuild grows">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
        words(24, 34, "How rbuild grows: wall time, and peak memory where that was measured", "title"),
        words(24, 54, f"{about['date'][:10]}, commit {about['commit']}, {machine['cpu']}, {machine['cores']} processors; "
              "medians, with the fastest and the slowest run; both axes logarithmic"),
    ]  # fmt: skip
    for number, (title, write_x, below, series, say_time, time_target, time_name, *memory) in enumerate(columns):
        left, top = LEFT + number % ACROSS_PAGE * ACROSS, TOP + number // ACROSS_PAGE * ROW
        of_time = {name: line(found, name, lambda point: point["seconds"]) for name in series}
        lines.append(words(left, top - 16, title, "title"))
        lines += Panel(left, top, of_time, time_target, SECONDS).draw(write_x, f"wall time over {below}", say_time, time_name)
        if memory:
            say_peak, peak_target, peak_name = memory
            of_peak = {name: line(found, name, lambda point: [point["peak"]]) for name in series}
            panel = Panel(left, top + DOWN, of_peak, peak_target, BYTES)
            lines += panel.draw(write_x, f"peak memory over {below}", say_peak, peak_name)
    return "\n".join([*lines, "</svg>"]) + "\n"


def line(found, series, values):
    """The points of a series: x, and all y that were measured there."""
    return [(point["x"], values(point)) for point in found["points"] if point["series"] == series]


# The steps of the y axes, and how they are written.
SECONDS = {10.0**power: name for power, name in enumerate(["1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s", "1000 s"], -3)}
BYTES = {n * 1e6: f"{n} MB" for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)}

BELOW_LEGEND = 0.6  # of a panel's height


class Panel:
    """One pair of axes with the lines between them."""

    def __init__(self, left, top, lines, target, steps):
        self.left, self.top, self.lines, self.target = left, top, lines, target
        self.xs = sorted({x for points in lines.values() for x, _ in points})
        self.first = min(statistics.median(points[0][1]) for points in lines.values())
        ys = [y for points in lines.values() for _, all_y in points for y in all_y]
        ys += [target(x, self.first) for x in self.xs]
        # Whole steps around all that is drawn; what begins high leaves room for the legend.
        names = sorted(steps)
        self.low = max((step for step in names if step <= min(ys)), default=names[0])
        begins = max([max(points[0][1]) for points in lines.values()] + [target(self.xs[0], self.first)])
        highest = max(*ys, self.low * (begins / self.low) ** (1 / BELOW_LEGEND))
        self.high = min((step for step in names if step >= highest), default=names[-1])
        self.steps = {step: name for step, name in steps.items() if self.low <= step <= self.high}

    def x(self, value):
        return self.left + PANEL_WIDTH * portion(value, self.xs[0], self.xs[-1])

    def y(self, value):
        return self.top + PANEL_HEIGHT * (1 - portion(max(value, self.low), self.low, self.high))

    def draw(self, write_x, below, say, target_name):
        yield from self.axes(write_x, below)
        ends = (self.xs[0], self.xs[-1])
        steps = [ends[0] * (ends[1] / ends[0]) ** (step / 24) for step in range(25)]  # what is straight may be bent here
        yield self.path("target", [(x, self.target(x, self.first)) for x in steps])
        yield from self.legend(len(self.lines), "target", target_name)
        for number, (name, points) in enumerate(self.lines.items()):
            hue = ("one", "two")[number]
            yield from self.series(hue, points)
            name, slope = name.split(" in a ")[0], say(gradient(points)) if grows(points) else ""
            yield from self.legend(number, hue, f"{name}: {slope}" if slope else name)

    def axes(self, write_x, below):
        bottom, right = self.top + PANEL_HEIGHT, self.left + PANEL_WIDTH
        for value, name in self.steps.items():
            at = self.y(value)
            yield f'<path class="grid" d="M{self.left} {at:.1f}H{right}"/>'
            yield words(self.left - 8, at + 4, name, anchor="end")
        for value in self.xs:
            at = self.x(value)
            yield f'<path class="grid" d="M{at:.1f} {self.top}V{bottom}"/>'
            yield words(at, bottom + 18, write_x(value), anchor="middle")
        yield f'<rect class="frame" x="{self.left}" y="{self.top}" width="{PANEL_WIDTH}" height="{PANEL_HEIGHT}"/>'
        yield words(self.left + PANEL_WIDTH / 2, bottom + 38, below, anchor="middle")

    def series(self, hue, points):
        yield self.path(f"line {hue}", [(x, statistics.median(ys)) for x, ys in points])
        for x, ys in points:
            yield f'<path class="spread {hue}" d="M{self.x(x):.1f} {self.y(min(ys)):.1f}V{self.y(max(ys)):.1f}"/>'
            yield f'<circle class="dot {hue}" cx="{self.x(x):.1f}" cy="{self.y(statistics.median(ys)):.1f}" r="3.2"/>'

    def path(self, kind, points):
        corners = "L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in points)
        return f'<path class="{kind}" d="M{corners}"/>'

    def legend(self, row, kind, name):
        """A row of those inside the upper left corner, where rising lines are not."""
        x, y = self.left + 10, self.top + 17 + 17 * row
        yield f'<path class="{kind if kind == "target" else "line " + kind}" d="M{x} {y - 4}h20"/>'
        yield words(x + 27, y, name, "name")


def portion(value, low, high):
    """Where a value stands between two others, 0 to 1, on a logarithmic scale."""
    return math.log(value / low) / math.log(high / low)


def gradient(points):
    """How much y grows from the first point to the last, for each x."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    return (statistics.median(y1) - statistics.median(y0)) / (x1 - x0)


def grows(points):
    """Whether y at the last point is another one than at the first: by more than runs of one thing differ."""
    return statistics.median(points[-1][1]) > 1.2 * statistics.median(points[0][1])


def words(x, y, text, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>' if text else ""
