"use strict";
// The timeline of a run: rows of its log as a tree, by time or as they were written, in a list that draws what is seen.

(() => {
  const home = document.getElementById("run");
  if (!home) return;
  const ROW = 26, PAGE = 1000, CLOSED_ABOVE = 20, RECTS = 7, WIDTH = 1000;
  const grid = document.getElementById("grid"), space = document.getElementById("space"), pool = document.getElementById("pool");
  const detail = document.getElementById("detail"), told = document.getElementById("rows-told"), strip = document.getElementById("strip");
  const onlyFailed = document.getElementById("only-failed"), collapse = document.getElementById("collapse-idle"), filter = document.getElementById("row-filter");
  const { clock, span } = window.consoleTimes;
  const query = new URLSearchParams(location.search);
  const state = { view: query.get("view") || "tree", tab: query.get("tab") || "summary", sel: Number(query.get("sel") || home.dataset.failed) || null, top: Number(query.get("top")) || 0 };
  filter.value = query.get("q") || "";
  onlyFailed.checked = query.get("only") === "failed";
  collapse.checked = query.get("idle") === "0";

  // -- the log -------------------------------------------------------------------------------------------------------
  const log = [];  // by number; holes are not loaded yet
  const branches = new Map();
  const run = { count: Number(home.dataset.count), ended: false, begun: 0, now: 0, skew: 0, live: [] };
  let contiguous = 0, newest = 0, pulling = null;

  async function ask(after) {
    const answer = await fetch(`${home.dataset.rows}?after_seq=${after}&limit=${PAGE}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`rows: ${answer.status}`);
    const body = await answer.json();
    for (const [id, branch] of Object.entries(body.branches)) branches.set(id, branch);
    for (const cells of body.rows) {
      const row = Object.fromEntries(body.columns.map((name, place) => [name, cells[place]]));
      log[row.seq] = row;
      newest = Math.max(newest, row.seq);
    }
    while (log[contiguous + 1]) contiguous++;
    Object.assign(run, { count: body.count, ended: body.is_ended, begun: body.begun, live: body.live, skew: Date.now() - body.now });
    return body.rows.length;
  }

  // The newest rows first, with the one that failed among them; then what lies before, then what came meanwhile.
  async function pull() {
    if (pulling) return pulling;
    pulling = (async () => {
      try {
        if (!newest && run.count > PAGE) { await ask(run.count - PAGE); rebuild(); }
        for (;;) {
          const after = contiguous < newest ? contiguous : newest;
          const number = await ask(after);
          changed();
          if (contiguous >= run.count || !number) break;
        }
        told.classList.remove("failed");
      } catch (error) {
        told.textContent = "The rows cannot be read now; trying again";
        setTimeout(pull, 3000);
      } finally { pulling = null; }
    })();
    return pulling;
  }

  let due = 0;
  function changed() {
    if (due) return;
    due = setTimeout(() => { due = 0; rebuild(); }, log.length < 3000 ? 0 : Math.min(250 + log.length / 50, 1500));
  }

  // -- what is drawn -------------------------------------------------------------------------------------------------
  const { build, nameOf } = window.timelineTree;
  const OUTSIDE = /prompt|tool|search|embed|call/i, RESTS = /sleep|wait/i;
  const closed = new Map();  // what was opened or closed by hand
  let root = null, lines = [], leaves = [], scale = null, zoom = null;

  // -- what is shown -------------------------------------------------------------------------------------------------
  function matches() {
    const terms = filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    if (!terms.length && !onlyFailed.checked) return null;
    return (line) => (!onlyFailed.checked || line.failed) && terms.every((term) => {
      const [name, value] = term.includes(":") ? [term.slice(0, term.indexOf(":")), term.slice(term.indexOf(":") + 1)] : ["", term];
      const row = line.row || {};
      if (name === "label") return `${line.name} ${line.more || ""}`.toLowerCase().includes(value);
      if (name === "type") return (row.type || line.kind || "").includes(value) || (row.kind || "").toLowerCase().includes(value);
      if (name === "item") return line.kind === "item" && String(line.index) === value;
      return `${line.name} ${row.workflow || ""} ${row.kind || ""} ${row.error || ""} ${line.more || ""}`.toLowerCase().includes(term);
    });
  }

  function isClosed(line) {
    return closed.has(line.id) ? closed.get(line.id) : line.isGroup && line.children.length > CLOSED_ABOVE;
  }

  function flatten() {
    const wanted = matches(), out = [];
    if (state.view === "log") {
      for (let seq = 1; seq < log.length; seq++) {
        const row = log[seq];
        if (!row) continue;
        const line = { id: `log ${seq}`, kind: "log", name: nameOf(row), row, failed: row.type === "error" || row.caught === true, start: row.at, end: row.at, children: [], depth: 0 };
        if (!wanted || wanted(line)) out.push(line);
      }
      return out;
    }
    if (state.view === "time") return leaves.filter((line) => !wanted || wanted(line)).map((line) => Object.assign(line, { depth: 0 })).sort((a, b) => a.start - b.start || (a.row?.seq || 0) - (b.row?.seq || 0));
    const keep = new Set();
    const mark = (line) => { let some = !wanted || wanted(line); for (const child of line.children) some = mark(child) || some; if (some) keep.add(line); return some; };
    mark(root);
    const walk = (line, depth) => {
      if (!keep.has(line)) return;
      line.depth = depth;
      out.push(line);
      if (wanted ? closed.get(line.id) !== true : !isClosed(line)) for (const child of line.children) walk(child, depth + 1);
    };
    walk(root, 0);
    return out;
  }

  // -- time ----------------------------------------------------------------------------------------------------------
  function makeScale() {
    const begin = zoom ? zoom[0] : root.start, end = Math.max(zoom ? zoom[1] : root.end, begin + 1), total = end - begin;
    if (!collapse.checked) return (at) => ((at - begin) / total) * WIDTH;
    const busy = leaves.filter((line) => !(line.kind === "wait" || RESTS.test(line.row?.kind || ""))).map((line) => [Math.max(line.start, begin), Math.min(line.end, end)]).filter(([from, to]) => to >= from).sort((a, b) => a[0] - b[0]);
    const gaps = [];
    let until = begin;
    for (const [from, to] of [...busy, [end, end]]) { if (from - until > total * 0.04) gaps.push([until, from]); until = Math.max(until, to); }
    const shrunk = total * 0.015, saved = gaps.reduce((sum, [from, to]) => sum + (to - from) - shrunk, 0), kept = Math.max(total - saved, 1);
    return (at) => {
      let moved = at - begin;
      for (const [from, to] of gaps) { if (at >= to) moved -= to - from - shrunk; else if (at > from) moved -= (at - from) * (1 - shrunk / (to - from)); }
      return (moved / kept) * WIDTH;
    };
  }

  function segments(line) {
    const own = line.source || line, row = own.row, kind = row?.kind || "";
    if (own.kind === "live") return [[own.start, own.end, own.status === "sleeping" || own.status === "awaiting_input" ? "sleep" : "live"]];
    if (line.kind === "run" || line.children.length) return [[line.start, line.end, line.isOpen ? "live" : "wait"]];
    if (row?.t) {
      const t = row.t, some = [];
      if (t.ready && t.start > t.ready) some.push([t.ready, t.start, RESTS.test(kind) ? "sleep" : "wait"]);
      some.push([t.start || own.start, t.end || own.end, RESTS.test(kind) ? "sleep" : own.failed ? "bad" : "engine"]);
      for (const [from, to, status] of (t.calls || []).slice(-4)) some.push([from, to, status === "ok" || status === "succeeded" || (typeof status === "number" && status < 400) ? "outside" : "bad"]);
      return some;
    }
    if (own.kind === "wait" || RESTS.test(kind)) return [[own.start, own.end, "sleep"]];
    return [[own.start, own.end, own.failed ? "bad" : OUTSIDE.test(kind) ? "outside" : "engine"]];
  }

  function drawStrip() {
    const width = strip.clientWidth, ratio = devicePixelRatio || 1;
    if (!width || !root) return;
    strip.width = width * ratio; strip.height = 28 * ratio;
    const brush = strip.getContext("2d"), style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
    brush.scale(ratio, ratio);
    const total = Math.max(root.end - root.start, 1), x = (at) => ((at - root.start) / total) * width;
    const colours = { engine: colour("--seg-engine"), outside: colour("--seg-outside"), sleep: colour("--seg-sleep"), wait: colour("--seg-wait"), bad: colour("--seg-bad"), live: colour("--live") };
    const every = Math.max(1, Math.floor(leaves.length / 4000));
    leaves.forEach((line, place) => {
      if (place % every && !line.failed) return;
      for (const [from, to, kind] of segments(line)) { brush.fillStyle = colours[kind]; brush.fillRect(x(from), line.failed ? 2 : 6 + (place % 4) * 4, Math.max(x(to) - x(from), 1), line.failed ? 24 : 3); }
    });
    if (zoom) { brush.fillStyle = colour("--accent"); brush.globalAlpha = 0.15; brush.fillRect(x(zoom[0]), 0, x(zoom[1]) - x(zoom[0]), 28); }
  }

  // -- drawing -------------------------------------------------------------------------------------------------------
  const SVG = "http://www.w3.org/2000/svg", ICONS = { run: "▸", step: "·", item: "▫", wait: "?", live: "●", log: "" };
  const elements = [];
  let version = 0;

  function element() {
    const make = (name, label, parent) => { const node = document.createElement(name); node.className = label; parent.append(node); return node; };
    const row = make("div", "tl", pool);
    row.setAttribute("role", "row");
    const first = make("div", "tl-first", row), one = { row, at: -1, version: -1 };
    first.setAttribute("role", "gridcell");
    Object.assign(one, { first, indent: make("span", "tl-indent", first), twist: make("span", "tl-twist", first), icon: make("span", "tl-icon", first), name: make("span", "tl-name", first), more: make("span", "tl-more", first) });
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "tl-bar"); svg.setAttribute("viewBox", `0 0 ${WIDTH} 14`); svg.setAttribute("preserveAspectRatio", "none"); svg.setAttribute("aria-hidden", "true");
    one.rects = Array.from({ length: RECTS }, () => { const rect = document.createElementNS(SVG, "rect"); rect.setAttribute("y", 3); rect.setAttribute("height", 8); svg.append(rect); return rect; });
    row.append(svg);
    one.svg = svg;
    one.length = make("span", "tl-length", row); one.attempts = make("span", "tl-attempts", row);
    one.length.setAttribute("role", "gridcell"); one.attempts.setAttribute("role", "gridcell");
    return one;
  }

  function iconOf(line) {
    const kind = line.row?.kind || "";
    if (line.isGroup) return "≡";
    if (line.children.length) return "↳";
    return OUTSIDE.test(kind) ? "◆" : RESTS.test(kind) ? "◷" : "·";
  }

  function fill(one, at) {
    const line = lines[at], row = line.row, isSelected = row && state.sel === row.seq && line.kind !== "run";
    one.at = at; one.version = version; one.line = line;
    one.row.style.transform = `translateY(${at * ROW}px)`;
    one.row.id = `tl-${at}`;
    one.row.hidden = false;
    one.row.className = `tl${line.failed ? " failed" : ""}${isSelected ? " selected" : ""}${line.kind === "item" || line.kind === "log" ? " faint" : ""}`;
    one.indent.style.width = `${Math.min(line.depth || 0, 14) * 14}px`;
    const hasMore = state.view === "tree" && line.children.length > 0;
    one.twist.textContent = hasMore ? (shownOpen(line) ? "▼" : "▶") : "";
    one.icon.textContent = line.failed && !line.children.length ? "✕" : line.kind === "step" ? iconOf(line) : ICONS[line.kind];
    one.name.textContent = line.kind === "log" ? `#${row.seq}  ${row.type.replace("_", " ")}` : visible(line.kind === "run" ? "Run" : line.name);
    one.name.title = line.kind === "run" ? "" : visible(line.name);
    one.more.textContent = line.kind === "log" ? visible(line.name) : line.hasItems ? `${line.ended} of ${line.children.length}${line.children.length > 1 ? " items" : " item"}` : visible(line.more || (line.isOpen && line.status ? line.status.replace("_", " ") : ""));
    one.length.textContent = line.kind === "log" ? clock(new Date(row.at)).slice(11) : span((line.end - line.start) / 1000);
    const attempts = line.attempts || (row && line.kind !== "log" ? (line.source || line).row?.attempts : 1) || 1;
    one.attempts.textContent = attempts > 1 ? `×${attempts}` : "";
    const some = line.kind === "log" ? [[row.at, row.at, line.failed ? "bad" : "engine"]] : segments(line);
    one.rects.forEach((rect, place) => {
      const part = some[place];
      if (!part) { rect.setAttribute("width", 0); return; }
      const from = Math.min(Math.max(scale(part[0]), 0), WIDTH - 3), to = Math.min(scale(part[1]), WIDTH);
      rect.setAttribute("x", from.toFixed(1)); rect.setAttribute("width", Math.max(to - from, scale(part[1]) >= 0 && scale(part[0]) <= WIDTH ? 3 : 0).toFixed(1)); rect.setAttribute("class", `seg-${part[2]}`);
      rect.setAttribute("y", part[2] === "wait" ? 6 : 3); rect.setAttribute("height", part[2] === "wait" ? 2 : 8);
    });
    one.row.setAttribute("aria-rowindex", at + 1); one.row.setAttribute("aria-level", (line.depth || 0) + 1); one.row.setAttribute("aria-selected", Boolean(isSelected));
    if (hasMore) one.row.setAttribute("aria-expanded", shownOpen(line)); else one.row.removeAttribute("aria-expanded");
  }

  const shownOpen = (line) => (matches() ? closed.get(line.id) !== true : !isClosed(line));
  // What is not seen, or moves what is around it, is shown as what it is.
  const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu;
  const visible = (text) => String(text).slice(0, 300).replace(UNSEEN, (one) => `⟪U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟫`);

  function draw() {
    const height = grid.clientHeight, first = Math.max(Math.floor(grid.scrollTop / ROW) - 4, 0), size = Math.ceil(height / ROW) + 9;
    while (elements.length < size) elements.push(element());
    for (let at = first; at < first + elements.length; at++) {
      const one = elements[at % elements.length];
      if (at >= lines.length) { if (one.at !== -2) { one.row.hidden = true; one.at = -2; one.line = null; } continue; }
      if (one.at !== at || one.version !== version) fill(one, at);
    }
  }

  let asked = false;
  function redraw() { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; draw(); }); } }

  // The row at the top stays there, whatever is put before it; a place of the address is come back to once it is there.
  let wantedTop = state.top;
  function hold() {
    const at = Math.floor(grid.scrollTop / ROW), line = lines[at];
    if (!line || !grid.scrollTop || wantedTop) return () => { if (wantedTop) { grid.scrollTop = wantedTop; if (Math.abs(grid.scrollTop - wantedTop) < 2 && contiguous >= Math.min(newest, run.count)) wantedTop = 0; } };
    const over = grid.scrollTop - at * ROW;
    return () => { const now = lines[at]?.id === line.id ? at : lines.findIndex((one) => one.id === line.id); if (now >= 0 && now !== at) grid.scrollTop = now * ROW + over; };
  }
  for (const kind of ["wheel", "pointerdown", "keydown", "touchstart"]) grid.addEventListener(kind, () => { wantedTop = 0; }, { passive: true });

  function show() {
    const back = hold();
    lines = flatten();
    scale = makeScale();
    version++;
    space.style.height = `${lines.length * ROW}px`;
    grid.setAttribute("aria-rowcount", lines.length);
    const loaded = log.reduce((sum, row) => sum + (row ? 1 : 0), 0);
    told.textContent = loaded < run.count ? `${loaded} of ${run.count} rows` : `${run.count} rows`;
    back();
    draw();
    drawStrip();
  }

  let isFirst = true;
  function rebuild() {
    ({ root, leaves } = build(log, branches, run));
    show();
    if (isFirst && lines.length) {
      isFirst = false;
      if (!state.top && state.sel) reveal(state.sel);
      if (state.sel) select(state.sel, false);
    }
  }

  // -- choosing ------------------------------------------------------------------------------------------------------
  function remember(push) {
    const next = new URLSearchParams(location.search), put = (name, value, none) => (value && value !== none ? next.set(name, value) : next.delete(name));
    put("view", state.view, "tree"); put("tab", state.tab, "summary"); put("sel", state.sel); put("q", filter.value.trim()); put("only", onlyFailed.checked ? "failed" : ""); put("idle", collapse.checked ? "0" : ""); put("top", wantedTop || Math.round(grid.scrollTop) || "");
    history[push ? "pushState" : "replaceState"](null, "", `?${next}`);
  }

  function indexOf(seq) { return lines.findIndex((line) => line.row && line.row.seq === seq && line.kind !== "run"); }

  function reveal(seq) {
    let at = indexOf(seq);
    if (at < 0 && state.view === "tree" && root) {
      const path = (line) => (line.row?.seq === seq || (line.source && line.source.row?.seq === seq) ? [line] : line.children.reduce((found, child) => found || ((some) => some && [line, ...some])(path(child)), null));
      (path(root) || []).slice(0, -1).forEach((line) => closed.set(line.id, false));
      show();
      at = indexOf(seq);
    }
    if (at < 0) return;
    if (at * ROW < grid.scrollTop) grid.scrollTop = at * ROW;
    else if ((at + 1) * ROW > grid.scrollTop + grid.clientHeight) grid.scrollTop = (at + 1) * ROW - grid.clientHeight;
    grid.setAttribute("aria-activedescendant", `tl-${at}`);
  }

  function select(seq, push = true) {
    state.sel = seq;
    version++;
    draw();
    if (push) remember(false);
    detail.setAttribute("aria-busy", "true");
    window.htmx.ajax("GET", `${home.dataset.detail}?seq=${seq}&tab=${state.tab}`, { target: detail, swap: "innerHTML" }).catch(() => {}).finally(() => detail.removeAttribute("aria-busy"));
  }

  detail.addEventListener("click", (event) => {
    const tab = event.target.closest("[data-tab]");
    if (!tab) return;
    event.preventDefault();
    state.tab = tab.dataset.tab;
    remember(true);
    select(state.sel, false);
  });
  detail.addEventListener("htmx:responseError", () => { detail.textContent = "This cannot be read now. Choose the row again."; });

  pool.addEventListener("click", (event) => {
    const one = elements.find((each) => each.row.contains(event.target));
    if (!one?.line) return;
    const line = one.line, twisted = event.target === one.twist || !line.row || line.kind === "run";
    if (twisted && line.children.length) { closed.set(line.id, shownOpen(line)); show(); }
    else if (line.row) { select(line.row.seq); grid.focus({ preventScroll: true }); }
  });
  pool.addEventListener("dblclick", (event) => {
    const line = elements.find((each) => each.row.contains(event.target))?.line;
    if (line?.children.length) { closed.set(line.id, shownOpen(line)); show(); }
  });

  function step(from, by, wanted) {
    for (let at = from + by; at >= 0 && at < lines.length; at += by) if (lines[at].row && (!wanted || wanted(lines[at]))) return at;
    return -1;
  }
  grid.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = state.sel ? indexOf(state.sel) : -1, line = lines[at];
    let to = -1;
    if (event.key === "ArrowDown" || event.key === "j") to = step(at, 1);
    else if (event.key === "ArrowUp" || event.key === "k") to = step(at, -1);
    else if (event.key === "f") { to = step(at, 1, (one) => one.failed && !one.children.length); if (to < 0) to = step(-1, 1, (one) => one.failed && !one.children.length); if (to < 0) nextFailure(); }
    else if (event.key === "g" || event.key === "Home") to = step(-1, 1);
    else if (event.key === "G" || event.key === "End") to = step(lines.length, -1);
    else if (event.key === "/") { filter.focus(); event.preventDefault(); event.stopPropagation(); return; }
    else if (event.key === "ArrowRight" && line?.children.length && !shownOpen(line)) { closed.set(line.id, false); show(); }
    else if (event.key === "ArrowLeft" && line?.children.length && shownOpen(line)) { closed.set(line.id, true); show(); }
    else if (event.key === "ArrowLeft" && line) to = step(at, -1, (one) => one.depth < line.depth);
    else if (event.key !== "Enter" && event.key !== "ArrowRight") return;
    event.preventDefault(); event.stopPropagation();
    if (to >= 0) { select(lines[to].row.seq); reveal(lines[to].row.seq); }
  });

  function nextFailure() {
    const failed = leaves.filter((line) => line.failed && line.row).sort((a, b) => a.row.seq - b.row.seq);
    const next = failed.find((line) => line.row.seq > (state.sel || 0)) || failed[0];
    if (next) { select(next.row.seq); reveal(next.row.seq); }
  }

  for (const button of document.querySelectorAll("[data-view]")) {
    const set = () => { for (const one of document.querySelectorAll("[data-view]")) one.setAttribute("aria-selected", one.dataset.view === state.view); };
    set();
    button.addEventListener("click", () => { state.view = button.dataset.view; set(); remember(true); show(); if (state.sel) reveal(state.sel); });
  }
  for (const control of [onlyFailed, collapse]) control.addEventListener("change", () => { remember(false); show(); });
  filter.addEventListener("input", () => { remember(false); show(); });
  let resting = 0;
  grid.addEventListener("scroll", () => { redraw(); clearTimeout(resting); resting = setTimeout(() => remember(false), 400); }, { passive: true });
  new ResizeObserver(() => { if (root) { redraw(); drawStrip(); } }).observe(grid);

  // -- the strip: drag to look at a part of the time, double click for all of it --------------------------------------
  let from = null;
  const timeAt = (event) => { const box = strip.getBoundingClientRect(); return root.start + Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * (root.end - root.start); };
  strip.addEventListener("pointerdown", (event) => { if (root) { from = timeAt(event); strip.setPointerCapture(event.pointerId); } });
  strip.addEventListener("pointermove", (event) => { if (from !== null) { zoom = [from, timeAt(event)].sort((a, b) => a - b); drawStrip(); } });
  strip.addEventListener("pointerup", () => { if (from === null) return; from = null; if (zoom && zoom[1] - zoom[0] < (root.end - root.start) / 200) zoom = null; show(); });

  // -- news ----------------------------------------------------------------------------------------------------------
  let events = null, headDue = 0;
  function refreshHead() {
    if (headDue) return;
    headDue = setTimeout(() => { headDue = 0; window.htmx.ajax("GET", home.dataset.head, { target: "#run-head", swap: "outerHTML" }).catch(() => {}); }, 700);
  }
  function listen() {
    if (events || run.ended || document.hidden) return;
    events = new EventSource(home.dataset.events);
    // It tries again by itself unless it was refused, as it is while Postgres is away.
    events.onerror = () => { if (events?.readyState === EventSource.CLOSED) { hush(); setTimeout(listen, 3000); } };
    events.onmessage = (event) => {
      const news = JSON.parse(event.data);
      run.count = Math.max(run.count, news.count || 0);
      pull().then(() => { if (run.ended) { hush(); refreshHead(); } });
      refreshHead();
    };
  }
  function hush() { events?.close(); events = null; }
  document.addEventListener("visibilitychange", () => { if (document.hidden) hush(); else if (!run.ended) { pull(); refreshHead(); listen(); } });
  setInterval(() => { if (!document.hidden && !run.ended && root && !pulling) { rebuild(); } }, 1000);
  setInterval(() => { if (!document.hidden && !run.ended) { pull(); refreshHead(); } }, 5000);

  pull().then(listen);
})();
