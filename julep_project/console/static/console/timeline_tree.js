"use strict";
// The tree of a run: what the rows of its log say of steps, and of the bodies and items below them.

(() => {
  const OPENS = new Set(["init", "init_branch"]);
  // What is built from: rows by their number, branches by their id, and how the run stands.
  let log = [], branches = new Map(), run = null, leaves = [];

  const bodyKey = (branch, scope, workflow) => `${branch}|${scope}|${workflow}`;

  function above(workflow) {
    const text = workflow.startsWith("PAR:") ? workflow.slice(4) : workflow;
    if (!text.startsWith("`")) return null;
    const end = text.lastIndexOf("`[");
    const close = text.indexOf("]", end);
    return { workflow: text.slice(1, end), step: Number(text.slice(end + 2, close)), rest: text.slice(close + 2) };
  }

  function bodies() {
    const found = new Map(), calls = new Map();
    for (let seq = 1; seq < log.length; seq++) {
      const row = log[seq];
      if (!row) continue;
      const key = bodyKey(row.branch, row.scope, row.workflow);
      let body = found.get(key);
      if (!body) found.set(key, body = { key, branch: row.branch, scope: row.scope, workflow: row.workflow, first: row, rows: [], last: row });
      body.last = row;
      body.rows.push(row);
      if (row.calls) calls.set(row.calls, row);
    }
    return [found, calls];
  }

  function parentOf(body, found, calls) {
    const place = above(body.workflow);
    if (!place) {
      const call = calls.get(body.scope);
      return call && { body: found.get(bodyKey(call.branch, call.scope, call.workflow)), step: call.step, rest: body.workflow };
    }
    const parent = (branches.get(body.branch) || [])[0];
    const owner = found.get(bodyKey(body.branch, body.scope, place.workflow)) || (parent && found.get(bodyKey(parent, body.scope, place.workflow)));
    return owner && { body: owner, step: place.step, rest: place.rest };
  }

  function nameOf(row) { return row.label || `${row.workflow}[${row.step}]`; }

  // The run as a line with lines below it, and all lines that have none.
  function build(rowsByNumber, branchesById, standing) {
    log = rowsByNumber; branches = branchesById; run = standing;
    const [found, calls] = bodies();
    const children = new Map(), roots = [];
    for (const body of found.values()) {
      const parent = parentOf(body, found, calls);
      if (!parent || parent.body === body) { roots.push(body); continue; }
      body.rest = parent.rest;
      body.index = body.branch !== parent.body.branch && /^mapreduce/.test(parent.rest) ? branches.get(body.branch)?.[1] : Number(/\[(\d+)\]$/.exec(parent.rest)?.[1] ?? NaN);
      const key = `${parent.body.key}#${parent.step}`;
      if (!children.has(key)) children.set(key, []);
      children.get(key).push(body);
    }
    const live = new Map(run.live.map((one) => [one.branch, one]));
    leaves = [];
    const used = new Set();
    const top = { id: "run", kind: "run", name: "run", row: null, start: run.begun, end: run.begun, depth: 0, children: [] };
    for (const body of roots) top.children.push(...linesOf(body, children, live, used));
    for (const one of live.values()) if (!used.has(one.branch)) top.children.push(liveLine(one));
    top.end = run.ended ? Math.max(...top.children.map((line) => line.end), run.begun) : Date.now() - run.skew;
    top.failed = top.children.some((line) => line.failed && !line.caught);
    return { root: top, leaves };
  }

  function linesOf(body, children, live, used) {
    const made = [], waiting = new Map();
    let before = body.first.at;
    for (let place = 0; place < body.rows.length; place++) {
      const row = body.rows[place];
      if (OPENS.has(row.type)) { before = row.at; continue; }
      if (row.calls) continue;
      if (row.type === "wait") { waiting.set(row.step, leaf(row, row.at, null, "wait", nameOf(row))); made.push(waiting.get(row.step)); before = row.at; continue; }
      if (row.type === "resume") { const wait = waiting.get(row.step); if (wait) wait.end = row.at; before = row.at; continue; }
      const wait = waiting.get(row.step);
      if (wait && wait.end === null) wait.end = row.at;
      const inner = taken(body, row.step, row.seq, children);
      const line = leaf(row, row.t ? row.t.ready || row.t.start : before, row.at, "step", nameOf(row));
      attach(line, inner, children, live, used);
      made.push(line);
      before = row.at;
    }
    const open = [...new Set([...(children.keys())].filter((key) => key.startsWith(`${body.key}#`) && children.get(key).some((one) => !one.taken)))];
    for (const key of open) {
      const inner = children.get(key).filter((one) => !one.taken), step = Number(key.slice(key.lastIndexOf("#") + 1));
      const line = { id: `open ${key}`, kind: "step", name: `${body.workflow}[${step}]`, row: null, start: inner[0].first.at, end: null, children: [], isOpen: true };
      const own = live.get(body.branch);
      if (own) { line.name = own.label; used.add(body.branch); }
      attach(line, inner, children, live, used);
      made.push(line);
    }
    const now = Date.now() - run.skew;
    const own = live.get(body.branch), last = body.rows[body.rows.length - 1];
    // Some of several people have answered.
    if (own?.status === "awaiting_input" && last?.type === "resume" && waiting.has(last.step)) waiting.get(last.step).end = null;
    for (const line of made) if (line.end === null) {
      line.end = run.ended ? line.start : now;
      line.isOpen = !run.ended;
      if (own && line.kind === "wait") { line.name = own.label; line.status = own.status; used.add(body.branch); }
    }
    if (own && !used.has(body.branch) && body.last.type !== "finish_branch" && !made.some((line) => line.isOpen)) { used.add(body.branch); made.push(liveLine(own)); }
    return made;
  }

  // Bodies of a step that began before this row of it, and have not been given to an earlier one.
  function taken(body, step, seq, children) {
    const inner = (children.get(`${body.key}#${step}`) || []).filter((one) => !one.taken && one.first.seq < seq);
    inner.forEach((one) => { one.taken = true; });
    return inner;
  }

  function attach(line, inner, children, live, used) {
    if (!inner.length) return;
    inner.forEach((one) => { one.taken = true; });
    if (inner.length === 1 && Number.isNaN(inner[0].index)) {
      line.children = linesOf(inner[0], children, live, used);
    } else {
      line.isGroup = true;
      line.children = inner.sort((a, b) => (a.index - b.index || 0) || a.first.seq - b.first.seq).map((one) => item(one, children, live, used));
      line.ended = line.children.filter((one) => !one.isOpen).length;
      line.hasItems = inner.some((one) => !Number.isNaN(one.index));
    }
    line.start = Math.min(line.start, ...line.children.map((one) => one.start));
    line.failed = line.failed || line.children.some((one) => one.failed && !one.caught);
  }

  function item(body, children, live, used) {
    const { index } = body, name = Number.isNaN(index) ? body.rest : `item ${index}`;
    const inner = linesOf(body, children, live, used);
    const first = body.first.at, isEnded = body.rows.some((row) => row.type === "finish_branch" || row.type === "error" || row.caught);
    const line = { id: body.key, kind: "item", name, index, row: body.rows[body.rows.length - 1], start: first, end: inner.length ? Math.max(...inner.map((one) => one.end)) : first, children: inner, isOpen: !isEnded && !run.ended };
    line.failed = inner.some((one) => one.failed);
    line.caught = line.failed && inner.every((one) => !one.failed || one.caught);
    if (inner.length === 1 && !inner[0].children.length) { line.children = []; line.more = inner[0].name; line.row = inner[0].row || line.row; line.source = inner[0]; line.start = inner[0].start; }
    return line;
  }

  function leaf(row, start, end, kind, name) {
    const failed = row.type === "error" || row.caught === true;
    const line = { id: `row ${row.seq}`, kind, name, row, start: Math.min(start, row.at), end, failed, caught: row.caught === true, children: [] };
    leaves.push(line);
    return line;
  }

  function liveLine(one) {
    const line = { id: `live ${one.branch}`, kind: "live", name: one.label, status: one.status, row: null, start: one.since, end: Date.now() - run.skew, attempts: one.attempts, children: [], isOpen: true };
    leaves.push(line);
    return line;
  }

  window.timelineTree = { build, nameOf };
})();
