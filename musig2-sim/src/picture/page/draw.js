// The drawing. The document holds only what is near the visible part, because a run can have many
// thousands of messages.

const svg = document.getElementById("picture");
const scroll = document.getElementById("scroll");
const MARGIN = 600;
const drawn = { layout: null, bands: [], from: 0, until: 0, elements: new Map() };

function element(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
const rectangle = (kind, x, y, width, height) =>
  element("rect", { class: kind, x: round(x), y: round(y), width: round(width), height: round(Math.max(0, height)) });
const label = (kind, x, y, text, anchor = "start") =>
  element("text", { class: kind, x: round(x), y: round(y), "text-anchor": anchor }, text);
const round = (number) => Math.round(number * 10) / 10;

// Lays out everything again, for this width and these filters.
function redraw() {
  drawn.layout = layOut(scroll.clientWidth);
  drawn.bands = bands();
  svg.classList.toggle("many", arrows.length > 200);
  svg.setAttribute("width", drawn.layout.width);
  svg.setAttribute("height", drawn.layout.height);
  drawHeads();
  drawn.until = -1;
  drawVisible();
}

function drawHeads() {
  const { layout } = drawn;
  const heads = document.getElementById("heads");
  heads.style.width = `${layout.width}px`;
  heads.replaceChildren(...run.lanes.map((lane, node) => {
    const head = document.createElement("span");
    head.className = lane.strategy ? "head byzantine" : "head";
    head.style.left = `${layout.x(node)}px`;
    head.textContent = layout.lane >= 64 ? `node ${node}` : node;
    head.title = [lane.strategy, lane.clock && `clock ${lane.clock}`].filter(Boolean).join("; ");
    return head;
  }));
}

// Draws what is near the visible part, unless it is already drawn.
function drawVisible() {
  const top = scroll.scrollTop;
  const bottom = top + scroll.clientHeight;
  if (top >= drawn.from && bottom <= drawn.until) return;
  drawn.from = Math.max(0, top - MARGIN);
  drawn.until = bottom + MARGIN;
  drawn.elements.clear();
  const near = (from, to) => Math.max(from, to) >= drawn.from && Math.min(from, to) <= drawn.until;
  const { layout } = drawn;
  svg.replaceChildren(
    element("defs", {}, hatch()),
    layer("ground", [...drawPartitions(layout), ...drawTimes(layout, near)]),
    layer("lanes", [...drawLanes(layout), ...drawBands(layout, near)]),
    layer("arrows", arrows.filter((arrow) => shows(arrow.message, arrow) && near(arrow.y1, arrow.y2)).map(drawArrow)),
    layer("turns", run.turns.filter((turn) => near(turn.y, turn.y)).map(drawTurn)),
    layer("notes", [...drawWords(layout, near), ...drawNotes(layout, near), ...drawPin(layout)]),
  );
  highlight();
}

const layer = (kind, children) => element("g", { class: kind }, ...children);
const hatch = () =>
  element("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    element("line", { class: "hatch", x1: 0, y1: 0, x2: 0, y2: 6 }));

function drawTimes(layout, near) {
  const made = [];
  let last = -100;
  for (const block of layout.blocks) {
    if (isLong(block.silence, Math.max(1, Math.floor(run.trip / 4)))) {
      const y = block.top - 30;
      if (near(y, y)) {
        made.push(element("path", { class: "silence", d: zigzag(layout.axis - 8, layout.width - 8, y) }));
        made.push(label("silence-text", layout.axis - 14, y + 3.5, `+${briefly(Math.round(block.silence / 10_000) * 10_000 || block.silence)}`, "end"));
      }
      last = Math.max(last, y);
    }
    if (block.top - last < 15) continue;
    last = block.top;
    if (!near(block.top, block.top)) continue;
    made.push(element("line", { class: "tick", x1: layout.axis - 8, x2: layout.width - 8, y1: round(block.top), y2: round(block.top) }));
    made.push(label("time", layout.axis - 14, block.top + 3.5, briefly(block.from), "end"));
  }
  if (run.healsAt !== null) {
    const y = heightOf(layout.blocks, run.healsAt) - 8;
    made.push(element("line", { class: "heal", x1: layout.axis - 8, x2: layout.width - 8, y1: round(y), y2: round(y) }));
    made.push(label("heal-text", layout.width - 12, y - 4, `the network heals at ${time(run.healsAt)}`, "end"));
  }
  return made;
}

function zigzag(from, to, y) {
  let d = `M${round(from)} ${round(y)}`;
  for (let x = from, up = true; x < to; x += 8, up = !up) d += `l8 ${up ? -4 : 4}`;
  return d;
}

function drawPartitions(layout) {
  return run.partitions.flatMap((cut) => {
    const [top, bottom] = [heightOf(layout.blocks, cut.from) - 6, heightOf(layout.blocks, cut.until) - 6];
    const side = (nodes, kind) => nodes.map((node) =>
      rectangle(`partition ${kind}`, layout.x(node) - layout.lane / 2 + 1, top, layout.lane - 2, bottom - top));
    const groups = `${cut.one.join(", ")} ${cut.oneWay ? "↛" : "⇹"} ${cut.other.join(", ")}`;
    return [...side(cut.one, "one"), ...side(cut.other, "other"),
      label("partition-text", layout.width - 12, top + 11, `partition ${groups}`, "end")];
  });
}

function drawLanes(layout) {
  return run.lanes.flatMap((lane, node) => {
    const x = layout.x(node);
    const y = (step, otherwise) => turnOf.get(step)?.y ?? otherwise;
    const line = element("line", { class: "lane", x1: x, x2: x, y1: 0, y2: layout.bottom });
    const wide = Math.min(16, layout.lane - 4);
    const away = [...lane.absent.map((span) => ["absent", span]), ...lane.paused.map((span) => ["paused", span])];
    return [line, ...away.map(([kind, [from, until]]) => {
      const [top, bottom] = [y(from, 0), y(until, layout.bottom)];
      return rectangle(kind, x - wide / 2, top, wide, bottom - top);
    })];
  });
}

// Draws each session as its own strip, side by side.
function drawBands(layout, near) {
  const sessions = run.sessions.map((_, session) => session).filter((session) => filters.sessions.has(session));
  const width = Math.min(14, Math.max(6, layout.lane * 0.4));
  const strip = width / Math.max(1, sessions.length);
  return drawn.bands.flatMap(({ node, session, phase, from, until }) => {
    const place = sessions.indexOf(session);
    // A band without an end continues for as long as the node runs.
    const end = until ?? Math.max(from, layout.bottom);
    if (place < 0 || !near(from, end)) return [];
    return [rectangle(`band phase-${phase}`, layout.x(node) - width / 2 + place * strip, from, Math.max(1.5, strip - 1), end - from)];
  });
}

function drawArrow(arrow) {
  const { x1, y1, x2, y2, message } = arrow;
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const point = (back, aside) => `${round(x2 - ux * back - uy * aside)} ${round(y2 - uy * back + ux * aside)}`;
  const ends = {
    lost: `M${point(-4, -4)}L${point(4, 4)}M${point(-4, 4)}L${point(4, -4)}`,
    cut: `M${point(0, -6)}L${point(0, 6)}M${point(3, -6)}L${point(3, 6)}`,
    crowded: `M${point(6, -4)}L${point(0, -4)}L${point(0, 4)}L${point(6, 4)}`,
    nowhere: `M${point(0, -3)}L${point(0, 3)}`,
    missed: `M${point(6, -4)}L${point(0, 0)}L${point(6, 4)}M${point(-2, -4)}L${point(-2, 4)}`,
    flying: "",
  };
  const head = ends[arrow.fate] ?? `M${point(6, -3)}L${point(0, 0)}L${point(6, 3)}`;
  const made = element("g", { class: `arrow fate-${arrow.fate}${message.gossip ? " gossip" : ""}`, "data-step": message.step },
    element("path", { class: "shaft", d: `M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}` }));
  if (head) made.append(element("path", { class: "end", d: head }));
  drawn.elements.set(arrow.key, made);
  return made;
}

const GLYPHS = {
  complete: "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0ZM-3 0.2L-0.8 2.6L3.2 -2.2",
  aborted: "M0 -6.5L6.5 0L0 6.5L-6.5 0ZM-2 -2L2 2M2 -2L-2 2",
  error: "M-5.5 -5.5H5.5V5.5H-5.5ZM0 -3V1M0 3V3.4",
  refused: "M0 -5.5L5.5 4.5H-5.5ZM0 -2V1.4M0 3V3.2",
  reported: "M0 -5.5L5.5 4.5H-5.5ZM0 -2V1.4M0 3V3.2",
  stalled: "M-4.5 -5.5H4.5L-4.5 5.5H4.5Z",
  attempt: "M4.6 -2.2A5.2 5.2 0 1 0 5.2 0.6M5.4 -5.6L4.9 -1.7L1 -2.2",
  crashed: "M-5 -5L5 5M5 -5L-5 5",
  restarted: "M-4 -5.5L5.5 0L-4 5.5Z",
  started: "M-3 -4.2L4.2 0L-3 4.2Z",
  clock: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0ZM0 -3V0H2.6",
  paused: "M-3 -4.5V4.5M3 -4.5V4.5",
  resumed: "M-4 -5L5 0L-4 5Z",
  ordered: "M-3.2 -3.2H3.2V3.2H-3.2Z",
  received: "M-3.1 0a3.1 3.1 0 1 0 6.2 0a3.1 3.1 0 1 0 -6.2 0Z",
  missed: "M-3.1 0a3.1 3.1 0 1 0 6.2 0a3.1 3.1 0 1 0 -6.2 0Z",
  ticked: "M-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0Z",
  peer: "M-3.5 0L0 -3.5L3.5 0L0 3.5Z",
};
const glyph = (mark, x, y) =>
  element("path", { class: `glyph mark-${mark}`, d: GLYPHS[mark] ?? GLYPHS.received, transform: `translate(${round(x)} ${round(y)})` });

function drawTurn(turn) {
  const made = element("g", { class: showsTurn(turn) ? "turn" : "turn aside", "data-step": turn.step },
    glyph(markOf(turn), drawn.layout.x(turn.node), turn.y));
  drawn.elements.set(`t${turn.step}`, made);
  return made;
}

// If there is room, writes out in words what otherwise only the legend explains.
function drawNotes(layout, near) {
  if (layout.lane < 92) return [];
  const words = { complete: "complete", aborted: "aborted", error: "error", stalled: "stalled", attempt: "new attempt",
    refused: "refuses", reported: "reports", crashed: "crashes", restarted: "comes back", clock: "clock set",
    paused: "pauses", resumed: "goes on" };
  return run.turns
    .filter((turn) => near(turn.y, turn.y) && showsTurn(turn) && words[markOf(turn)])
    .map((turn) => label(`note mark-${markOf(turn)}`, layout.x(turn.node) + 12, turn.y + 4, words[markOf(turn)]));
}

// Writes above each arrow what its message says, if lanes are far apart and as long as the words do
// not overlap.
function drawWords(layout, near) {
  if (layout.lane < 150) return [];
  const taken = [];
  return arrows.filter((arrow) => shows(arrow.message, arrow) && near(arrow.y1, arrow.y2) && !arrow.again).flatMap((arrow) => {
    const text = arrow.message.words.replaceAll("partial signatures", "partials").replace("asks for the announcement", "asks") || "summary";
    const width = text.length * 5.4 + 8;
    if (width > layout.lane - 24) return [];
    for (const part of [0.5, 0.36, 0.64, 0.25]) {
      const [x, y] = [arrow.x1 + part * (arrow.x2 - arrow.x1), arrow.y1 + part * (arrow.y2 - arrow.y1) - 4];
      const free = taken.every((other) => Math.abs(other.x - x) > (other.width + width) / 2 || Math.abs(other.y - y) > 12)
        && run.lanes.every((_, node) => Math.abs(layout.x(node) - x) > width / 2 + 6);
      if (!free) continue;
      taken.push({ x, y, width });
      return [label("words", x, y, text, "middle")];
    }
    return [];
  });
}

function drawPin(layout) {
  const turn = run.pin && turnOf.get(run.pin.turn);
  if (!turn) return [];
  const [x, y] = [layout.x(turn.node), turn.y];
  return [
    element("line", { class: "pin-line", x1: layout.axis - 8, x2: layout.width - 8, y1: y, y2: y }),
    element("circle", { class: "pin-ring", cx: x, cy: y, r: 10 }),
    label("pin-text", layout.axis - 12, y + 4, "▸", "end"),
  ];
}

// Highlights what is pointed at, or else selected, with its causes and effects.
function highlight() {
  const item = chosen.hovered ?? chosen.selected;
  const lit = new Map();
  const light = (of, kind) => {
    const keys = isMessage(of) ? of.ways.map((_, index) => `m${of.step}.${index}`) : [`t${of.step}`];
    for (const key of keys) if (!lit.has(key)) lit.set(key, kind);
  };
  if (item) {
    light(item, "lit");
    for (const effect of effects(item)) light(effect, "effect");
    for (const cause of causes(item)) light(cause, "cause");
  }
  svg.classList.toggle("focused", Boolean(item));
  for (const [key, made] of drawn.elements) {
    for (const kind of ["lit", "cause", "effect"]) made.classList.toggle(kind, lit.get(key) === kind);
    made.classList.toggle("match", chosen.matches.has(key));
    made.classList.toggle("selected", chosen.selected !== null && !isMessage(chosen.selected) && key === `t${chosen.selected.step}`);
  }
}

// Returns what is nearest to a point, within `reach`.
function nearest(x, y, reach) {
  let best = null;
  let distance = reach;
  const consider = (item, away) => {
    if (away < distance) [best, distance] = [item, away];
  };
  for (const turn of run.turns) {
    if (Math.abs(turn.y - y) > reach || !showsTurn(turn)) continue;
    // Marks win over arrows, which are long and can be pointed at elsewhere.
    consider(turn, Math.hypot(drawn.layout.x(turn.node) - x, turn.y - y) * 0.55);
  }
  for (const arrow of arrows) {
    if (y < Math.min(arrow.y1, arrow.y2) - reach || y > Math.max(arrow.y1, arrow.y2) + reach) continue;
    if (shows(arrow.message, arrow)) consider(arrow.message, toSegment(x, y, arrow) + 1);
  }
  return best;
}
function toSegment(x, y, { x1, y1, x2, y2 }) {
  const square = (x2 - x1) ** 2 + (y2 - y1) ** 2 || 1;
  const part = Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / square));
  return Math.hypot(x - x1 - part * (x2 - x1), y - y1 - part * (y2 - y1));
}
