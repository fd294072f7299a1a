"use strict";
// What every page does by itself: times in the reader's zone, dialogs, keys, and the choice of rows.

(() => {
  const utc = new URLSearchParams(location.search).get("tz") === "utc";
  const zone = utc ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
  const two = (number) => String(number).padStart(2, "0");

  function clock(moment) {
    const get = (name) => moment[(utc ? "getUTC" : "get") + name]();
    return `${get("FullYear")}-${two(get("Month") + 1)}-${two(get("Date"))} ${two(get("Hours"))}:${two(get("Minutes"))}:${two(get("Seconds"))}`;
  }

  function span(seconds) {
    const left = Math.max(seconds, 0);
    if (left < 1) return `${Math.round(left * 1000)} ms`;
    if (left < 60) return `${left < 10 ? left.toFixed(1) : Math.round(left)} s`;
    const units = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
    const [size, name, smaller, unit] = units.find((one) => left >= one[0]);
    const rest = Math.floor((left % size) / smaller);
    return `${Math.floor(left / size)} ${name}${rest ? ` ${rest} ${unit}` : ""}`;
  }

  function told(time) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) return;
    if ("ago" in time.dataset) time.textContent = span((Date.now() - moment) / 1000);
    else if ("until" in time.dataset) time.textContent = span((moment - Date.now()) / 1000);
    else time.textContent = clock(moment);
  }

  const tellAll = (root) => root.querySelectorAll("time[datetime]").forEach(told);
  const tellMoving = () => document.querySelectorAll("time[data-ago], time[data-until]").forEach(told);

  window.consoleTimes = { clock, span, tellAll };
  tellAll(document);
  document.addEventListener("htmx:load", (event) => tellAll(event.target));
  setInterval(() => { if (!document.hidden) tellMoving(); }, 1000);
  document.addEventListener("htmx:afterRequest", (event) => event.detail.elt.removeAttribute("aria-busy"));
  // What can be scrolled can be scrolled by keys.
  const reachAll = (root) => root.querySelectorAll(".scroll, .halves section, pre.value").forEach((one) => { if (one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight) one.tabIndex = 0; });
  reachAll(document);
  window.addEventListener("resize", () => reachAll(document));
  document.addEventListener("htmx:load", (event) => reachAll(event.target));
  const fresh = document.querySelector("[data-refresh]");
  if (fresh) setInterval(() => { if (!document.hidden && !fresh.contains(document.activeElement)) window.htmx.ajax("GET", fresh.dataset.refresh, { target: fresh, swap: "innerHTML" }).catch(() => {}); }, 5000);
  const shown = document.getElementById("zone");
  if (shown) shown.textContent = zone;

  // -- dialogs
  document.addEventListener("click", (event) => {
    const opens = event.target.closest("[data-dialog]");
    if (opens) {
      const dialog = document.getElementById(opens.dataset.dialog);
      // One dialog for many rows: which of them is meant.
      for (const field of dialog.querySelectorAll("input[type=hidden]")) { const given = opens.dataset[`set${field.name[0].toUpperCase()}${field.name.slice(1)}`]; if (given !== undefined) field.value = given; }
      const told = dialog.querySelector("[data-told]");
      if (told) told.textContent = opens.dataset.setTold;
      dialog.showModal();
    }
    if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
    document.querySelectorAll("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });

  // -- texts to paste elsewhere: where the browser does not let them be put there, they are shown
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-copy]");
    if (!link || !navigator.clipboard || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    try {
      const answer = await fetch(link.href);
      if (!answer.ok) throw new Error(String(answer.status));
      await navigator.clipboard.writeText(await answer.text());
      link.textContent = "Copied";
    } catch { location.assign(link.href); }
  });

  // -- copying
  document.addEventListener("click", async (event) => {
    const copies = event.target.closest("[data-copies]");
    if (!copies) return;
    const field = document.getElementById(copies.dataset.copies);
    field.select();
    try { await navigator.clipboard.writeText(field.value); copies.textContent = "Copied"; } catch { copies.textContent = "Press Ctrl+C"; }
  });

  // -- rows that are chosen
  const ticks = () => [...document.querySelectorAll("td.tick input")];
  function counted() {
    const number = ticks().filter((tick) => tick.checked).length;
    document.querySelectorAll("[data-count]").forEach((place) => { if (place.closest("dialog")) place.textContent = number; });
    document.querySelectorAll("[data-needs-rows]").forEach((button) => { button.disabled = !number; });
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) ticks().forEach((tick) => { tick.checked = event.target.checked; });
    if (event.target.closest(".tick")) counted();
    if (event.target.closest(".chips")) event.target.form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    // Empty filters have no place in an address.
    if (event.target.matches("form.filters")) event.target.querySelectorAll("input, select").forEach((field) => { if (!field.value) field.disabled = true; });
    // What acts is sent once, however often the button is pressed until the next page is there.
    else if (event.target.method === "post" && !event.defaultPrevented) {
      if (event.target.dataset.sent) event.preventDefault();
      event.target.dataset.sent = "yes";
    }
  });
  window.addEventListener("pageshow", () => {
    counted();
    document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; });
  });

  // -- a time chosen in the histogram
  let from = null;
  const place = (svg, event) => {
    const box = svg.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * 480;
  };
  document.addEventListener("pointerdown", (event) => {
    const svg = event.target.closest("[data-brush]");
    if (svg) { from = place(svg, event); svg.setPointerCapture(event.pointerId); event.preventDefault(); }
  });
  document.addEventListener("pointermove", (event) => {
    const svg = event.target.closest("[data-brush]");
    if (!svg || from === null) return;
    const to = place(svg, event), brush = svg.querySelector(".brush");
    brush.setAttribute("x", Math.min(from, to));
    brush.setAttribute("width", Math.abs(to - from));
  });
  document.addEventListener("pointerup", (event) => {
    const svg = event.target.closest("[data-brush]");
    if (!svg || from === null) { from = null; return; }
    const ends = [from, place(svg, event)].sort((a, b) => a - b), bars = svg.querySelectorAll("g");
    from = null;
    const bar = (at) => bars[Math.min(Math.floor(at / 10), bars.length - 1)];
    // The list whose time is narrowed, which may be another page.
    const list = new URL(svg.closest("[data-brushed]")?.dataset.brushed ?? location.href, location.href);
    list.searchParams.set("since", bar(ends[0]).dataset.since);
    list.searchParams.set("until", bar(ends[1]).dataset.until);
    list.searchParams.delete("after");
    location.assign(list);
  });

  // -- keys
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    const search = document.querySelector("#search input");
    if (event.key === "/" && search) { event.preventDefault(); search.focus(); return; }
    const rows = [...document.querySelectorAll("table[data-rows] tbody tr")];
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.classList.contains("current"));
    const to = { j: at + 1, ArrowDown: at + 1, k: at - 1, ArrowUp: at - 1 }[event.key];
    if (to !== undefined && rows[to]) {
      event.preventDefault();
      rows[at]?.classList.remove("current");
      rows[to].classList.add("current");
      rows[to].scrollIntoView({ block: "nearest" });
    }
    if (event.key === "Enter" && at >= 0) rows[at].querySelector("a[href]")?.click();
  });
})();
