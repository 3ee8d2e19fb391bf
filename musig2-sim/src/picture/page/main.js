// What is selected, how it is selected, and the address that reflects it.

const chosen = { selected: null, hovered: null, matches: new Set() };
const live = document.getElementById("live");
const tip = document.getElementById("tip");

function select(item, reveal = false) {
  chosen.selected = item;
  chosen.hovered = null;
  tip.hidden = true;
  showDetails(item);
  live.textContent = item ? summaryOf(item) : "";
  if (item && reveal) bringIntoView(item);
  highlight();
  writeHash();
}

function bringIntoView(item) {
  const turn = isMessage(item) ? turnOf.get(item.turn) : item;
  const sheet = getComputedStyle(panel).position === "fixed" ? panel.offsetHeight : 0;
  const height = scroll.clientHeight - sheet;
  const head = document.getElementById("heads").offsetHeight;
  if (turn.y + head < scroll.scrollTop + 60 || turn.y + head > scroll.scrollTop + height - 60) {
    scroll.scrollTop = Math.max(0, turn.y + head - height / 2);
  }
  const x = drawn.layout.x(turn.node);
  if (x < scroll.scrollLeft + 20 || x > scroll.scrollLeft + scroll.clientWidth - 20) scroll.scrollLeft = x - scroll.clientWidth / 2;
  drawVisible();
}

// Keys move along the lane, to the lanes beside it, and along causes.
const KEYS = {
  ArrowDown: () => along(1), ArrowUp: () => along(-1),
  ArrowRight: () => beside(1), ArrowLeft: () => beside(-1),
  Home: () => run.turns[0], End: () => run.turns.at(-1),
  c: () => chosen.selected && causeOf(chosen.selected), e: () => chosen.selected && effects(chosen.selected)[0],
  v: () => run.pin && turnOf.get(run.pin.turn),
};
const place = () => (chosen.selected && (isMessage(chosen.selected) ? turnOf.get(chosen.selected.turn) : chosen.selected)) ?? null;
function along(step) {
  const from = place();
  if (!from) return run.turns.find(showsTurn);
  const lane = run.turns.filter((turn) => turn.node === from.node && showsTurn(turn));
  return lane[lane.indexOf(from) + step];
}
function beside(step) {
  const from = place();
  if (!from) return run.turns.find(showsTurn);
  for (let node = from.node + step; node >= 0 && node < run.lanes.length; node += step) {
    const lane = run.turns.filter((turn) => turn.node === node && showsTurn(turn));
    if (lane.length) return lane.reduce((best, turn) => (Math.abs(turn.y - from.y) < Math.abs(best.y - from.y) ? turn : best));
  }
  return null;
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return select(null);
  if (event.key === "/") {
    event.preventDefault();
    return input.focus();
  }
  const inPicture = document.activeElement === scroll || document.activeElement === document.body;
  if (!KEYS[event.key] || !inPicture) return;
  event.preventDefault();
  const item = KEYS[event.key]();
  if (item) select(item, true);
});

function at(event, reach) {
  const box = svg.getBoundingClientRect();
  return nearest(event.clientX - box.left, event.clientY - box.top, reach);
}
svg.addEventListener("pointermove", (event) => {
  if (event.pointerType === "touch") return;
  const item = at(event, 9);
  if (item !== chosen.hovered) {
    chosen.hovered = item;
    highlight();
  }
  tip.hidden = !item;
  svg.classList.toggle("pointing", Boolean(item));
  if (!item) return;
  tip.textContent = isMessage(item) ? `${titleOf(item)}: ${item.words || "summary"}` : `Node ${item.node} ${item.text}`;
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${event.clientY + 16}px`;
});
svg.addEventListener("pointerleave", () => {
  chosen.hovered = null;
  tip.hidden = true;
  highlight();
});
svg.addEventListener("click", (event) => select(at(event, 16)));

// The address says what is selected and shown, so that others can open the same view.
function writeHash() {
  const parts = new URLSearchParams();
  if (chosen.selected) parts.set("select", chosen.selected.step);
  const some = (name, values, all) => {
    if (values.size < all) parts.set(name, [...values].join(","));
  };
  some("session", filters.sessions, run.sessions.length);
  some("kind", filters.kinds, kinds.length);
  some("fate", filters.fates, fates.length);
  if (document.documentElement.dataset.theme) parts.set("theme", document.documentElement.dataset.theme);
  history.replaceState(null, "", `#${parts}`);
}
function readHash() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const some = (name, values, all, read) => {
    const wanted = parts.has(name) ? parts.get(name).split(",").map(read) : all;
    values.clear();
    for (const value of all) if (wanted.includes(value)) values.add(value);
  };
  some("session", filters.sessions, [...run.sessions.keys()], Number);
  some("kind", filters.kinds, kinds, String);
  some("fate", filters.fates, fates, String);
  if (parts.has("theme")) document.documentElement.dataset.theme = parts.get("theme");
  for (const row of document.querySelectorAll(".chips")) row.press?.();
  redraw();
  select(parts.has("select") ? itemOf(Number(parts.get("select"))) : null, true);
}

function buildHeader() {
  const signers = run.lanes.length === 1 ? "1 node" : `${run.lanes.length} nodes`;
  document.title = `Run ${run.seed}`;
  document.getElementById("title").textContent = `Run ${run.seed}`;
  document.getElementById("facts").textContent =
    `${signers}, ${run.sessions.length === 1 ? "1 session" : `${run.sessions.length} sessions`}, ${run.messages.filter((message) => !message.gossip).length} frames, ${time(run.end)}`;
  if (run.replay !== null) {
    document.getElementById("replay").hidden = false;
    document.getElementById("command").textContent = run.replay;
    document.getElementById("copy").addEventListener("click", copy);
  }
  if (run.pin) {
    const pin = document.getElementById("pin");
    pin.hidden = false;
    pin.append(html("b", {}, run.pin.kind), html("span", {}, run.pin.text));
    pin.addEventListener("click", () => run.pin.turn !== null && select(turnOf.get(run.pin.turn), true));
  }
  const theme = document.getElementById("theme");
  const dark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    writeHash();
  });
  const toggle = document.getElementById("filters-toggle");
  toggle.addEventListener("click", () => {
    const open = document.getElementById("tools").classList.toggle("open");
    toggle.setAttribute("aria-expanded", String(open));
  });
}

async function copy() {
  const button = document.getElementById("copy");
  try {
    await navigator.clipboard.writeText(run.replay);
    button.textContent = "Copied";
  } catch {
    // If the page may not use the clipboard, the command is marked for the reader to copy.
    getSelection().selectAllChildren(document.getElementById("command"));
    button.textContent = "Marked";
  }
}

function buildLegend() {
  const figure = (...children) => element("svg", { width: 34, height: 16, viewBox: "0 -8 34 16", "aria-hidden": "true" }, ...children);
  const row = (picture, words) => html("li", {}, picture, html("span", {}, words));
  const arrow = (fate) => figure(drawArrow({ key: "", fate, message: { gossip: false, step: -1 }, x1: 2, y1: 0, x2: 26, y2: 0 }));
  const used = new Set(run.turns.map(markOf));
  const group = (title, rows) => html("div", {}, html("h3", {}, title), html("ul", {}, ...rows));
  document.getElementById("legend").replaceChildren(
    group("Arrows", [...fates.map((fate) => row(arrow(fate), FATES[fate])),
      row(figure(element("g", { class: "arrow gossip fate-delivered" }, element("path", { class: "shaft", d: "M2 0H28" }))), "a publication")]),
    group("Marks", Object.keys(MARKS).filter((mark) => used.has(mark)).map((mark) => row(figure(element("g", { class: "turn" }, glyph(mark, 16, 0))), MARKS[mark]))),
    group("Bands", [...PHASES.map((phase) => row(figure(rectangle(`band phase-${phase}`, 11, -7, 10, 14)), phase)),
      row(figure(rectangle("absent", 9, -7, 16, 14)), "not running"),
      row(figure(rectangle("partition one", 2, -7, 14, 14), rectangle("partition other", 18, -7, 14, 14)), "two sides of a partition")]),
    group("Keys", [["↑ ↓", "along the lane"], ["← →", "to the next lane"], ["c e", "to its cause, to its effect"], ["v", "to the violation"], ["/", "search"], ["Esc", "close"]]
      .map(([keys, words]) => row(html("kbd", {}, keys), words))),
  );
  drawn.elements.delete("");
}

buildHeader();
buildFilters();
buildLegend();
readHash();
scroll.addEventListener("scroll", drawVisible, { passive: true });
new ResizeObserver(() => { if (scroll.clientWidth && drawn.layout?.forWidth !== scroll.clientWidth) redraw(); else drawVisible(); }).observe(scroll);
addEventListener("hashchange", readHash);
