#!/usr/bin/python3
"""tests/bench/plot.py BENCH_IMAGE_JSON > docs/performance.svg"""
import json
import statistics
import sys

TITLES = {"right": "right PNG verified", "jpeg": "JPEG → PNG", "up": "PNG 1024 → 2048",
          "crop": "JPEG cropped → PNG", "webp": "WebP → PNG", "down": "PNG 4096 → 2048"}
COLOURS = {"seedfs": "#2a7f62", "library": "#5b7db1", "command": "#b9bfc9"}
WIDTH, LEFT, BAR = 760, 250, 15

with open(sys.argv[1], encoding="utf-8") as source:
    figures = json.load(source)
rows = []
for work, tools in figures.items():
    rows.append((TITLES[work], None, None))
    medians = {tool: statistics.median(f[0] for f in of_tool.values())
               for tool, of_tool in tools.items()}
    for tool, ms in sorted(medians.items(), key=lambda item: item[1]):
        rows.append((tool.replace("ours ", ""), ms, tool.split()[0].replace("ours", "seedfs")))
# Beyond the third quartile of all bars the scale would hide the short ones.
most = statistics.quantiles([ms for _, ms, _ in rows if ms], n=4)[2] * 1.3
print('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
      'font-family="sans-serif" font-size="11">' % (WIDTH, len(rows) * BAR + 20))
print('<rect width="100%" height="100%" fill="white"/>')
for at, (name, ms, kind) in enumerate(rows):
    y = at * BAR + 14
    if ms is None:
        print('<text x="10" y="%d" font-weight="bold">%s, ms</text>' % (y + 8, name))
        continue
    length = min(ms / most, 1) * (WIDTH - LEFT - 60)
    print('<text x="%d" y="%d" text-anchor="end">%s</text>' % (LEFT - 6, y + 8, name))
    print('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>' %
          (LEFT, y - 2, length, BAR - 3, COLOURS[kind]))
    print('<text x="%.1f" y="%d">%.0f%s</text>' %
          (LEFT + length + 4, y + 8, ms, "" if ms < most else " (cut)"))
print("</svg>")
