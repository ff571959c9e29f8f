"""The style of the status page, by day and by night."""

import base64
from hashlib import sha256

CSS = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2330;--soft:#5d6878;--line:#e2e6ec;
--ok:#1a7f4b;--okbg:#e2f5ea;--warn:#8a5a00;--warnbg:#fdf0d5;--bad:#b3261e;--badbg:#fde7e5;
--idle:#4b5566;--idlebg:#eaedf2;--accent:#2f5bd0}
@media (prefers-color-scheme:dark){:root{--bg:#11151b;--card:#1a2029;--ink:#e6eaf0;--soft:#98a3b3;
--line:#2b3441;--ok:#6bd59b;--okbg:#153626;--warn:#f2c063;--warnbg:#3a2c0f;--bad:#ff9a92;
--badbg:#43201d;--idle:#b6c0ce;--idlebg:#2a323e;--accent:#8fb0ff}}
*{box-sizing:border-box}
body{margin:0 auto;padding:24px;max-width:1240px;background:var(--bg);color:var(--ink);
font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header{display:flex;flex-wrap:wrap;align-items:center;gap:12px;margin-bottom:18px}
h1{font-size:20px;margin:0}h2{font-size:15px;margin:0 0 10px}
header small{color:var(--soft);margin-left:auto}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px;
margin-bottom:16px;overflow-x:auto}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;
margin-bottom:16px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px}
.tile b{display:block;font-size:22px;font-variant-numeric:tabular-nums}.tile span{color:var(--soft)}
.tile.bad b{color:var(--bad)}.tile.warn b{color:var(--warn)}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:600;color:var(--soft);font-size:12px}
th,td{padding:7px 12px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}td.num,th.num{text-align:right;font-variant-numeric:tabular-nums}
td b{font-weight:600}.soft{color:var(--soft)}.small{font-size:12px}
.chip{display:inline-block;padding:1px 9px;border-radius:999px;font-size:12px;font-weight:600;
white-space:nowrap;color:var(--idle);background:var(--idlebg)}
.chip.ok{color:var(--ok);background:var(--okbg)}.chip.warn{color:var(--warn);background:var(--warnbg)}
.chip.bad{color:var(--bad);background:var(--badbg)}
.alert{border-left:4px solid var(--warn);padding:2px 0 2px 12px;margin:0 0 12px}
.alert.bad{border-color:var(--bad)}.alert p{margin:2px 0 0}.alert:last-child{margin-bottom:0}
footer{color:var(--soft);font-size:12px}a{color:var(--accent)}
"""

POLICY = (
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; style-src 'sha256-"
    f"{base64.b64encode(sha256(CSS.encode()).digest()).decode()}'"
)
"""The page has this one style and no script: a browser need not trust anything else in it."""
