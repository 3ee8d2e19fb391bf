// Where everything is drawn: lanes from left to right, time downwards, and only as much room for
// silence as is needed to notice it.

const PITCH = 13;
const HEAD = 8;
const FOOT = 56;

// Puts turns that are close in time into one block. In it each lane is filled from its top, and a
// turn is below the one that led to it. Blocks follow each other, further apart after a longer
// silence. So time never runs upwards, and a busy moment takes as much room as its busiest node.
function layBlocks(turns) {
  const near = Math.max(1, Math.floor(run.trip / 4));
  const blocks = [];
  let block = null;
  let lanes = [];
  for (const turn of turns) {
    if (!block || turn.at - block.from > near) {
      const silence = block ? turn.at - block.to : 0;
      const top = block ? block.bottom + gap(silence, near) : HEAD + 14;
      block = { from: turn.at, to: turn.at, top, bottom: top, silence };
      blocks.push(block);
      lanes = [];
    }
    const above = turn.message !== null ? turnOf.get(messageOf.get(turn.message).turn) : turnOf.get(turn.cause);
    const below = above && above.y !== undefined ? above.y + PITCH : 0;
    turn.y = Math.max(block.top, lanes[turn.node] ?? 0, below);
    lanes[turn.node] = turn.y + PITCH;
    block.to = turn.at;
    block.bottom = Math.max(block.bottom, turn.y);
  }
  return blocks;
}

const LONG = 40;
const isLong = (silence, near) => silence > LONG * 4 * near;
function gap(silence, near) {
  if (isLong(silence, near)) return 60;
  return 16 + Math.min(44, 11 * Math.log2(1 + silence / (2 * near)));
}

// Returns the height of a moment, which may be between turns.
function heightOf(blocks, moment) {
  let previous = null;
  for (const block of blocks) {
    if (moment < block.from) {
      if (!previous) return HEAD;
      const part = (moment - previous.to) / Math.max(1, block.from - previous.to);
      return previous.bottom + Math.max(0, part) * (block.top - previous.bottom);
    }
    if (moment <= block.to) {
      const part = (moment - block.from) / Math.max(1, block.to - block.from);
      return block.top + part * (block.bottom - block.top);
    }
    previous = block;
  }
  return previous ? previous.bottom + FOOT / 2 : HEAD;
}

function laneLayout(width) {
  const count = Math.max(1, run.lanes.length);
  const axis = width < 600 ? 54 : 78;
  const lane = Math.max(20, Math.min(280, (width - axis - 12) / count));
  return { axis, lane, width: Math.max(width, axis + lane * count + 12), x: (node) => axis + lane * (node + 0.5) };
}

function layOut(width) {
  const blocks = layBlocks(run.turns);
  const lanes = laneLayout(width);
  const bottom = (blocks.at(-1)?.bottom ?? HEAD) + FOOT;
  for (const arrow of arrows) placeArrow(arrow, lanes, bottom);
  return { ...lanes, blocks, bottom, height: bottom + 12, forWidth: width };
}

// Places an arrow. It ends where the message is received, or on the way if it is not.
function placeArrow(arrow, lanes, bottom) {
  const { message } = arrow;
  const sender = turnOf.get(message.turn);
  const [x1, y1] = [lanes.x(message.from), sender.y];
  const end = turnOf.get(arrow.turn);
  const to = message.to === null ? x1 + lanes.lane * 0.45 : lanes.x(message.to);
  const side = Math.sign(to - x1) || 1;
  if (end) {
    Object.assign(arrow, { x1: x1 + side * 4, y1, x2: to - side * 6, y2: end.y });
  } else if (arrow.fate === "flying") {
    Object.assign(arrow, { x1: x1 + side * 4, y1, x2: to - side * 6, y2: bottom - 14 });
  } else {
    // It ends shortly before its receiver's lane. The height depends on the distance, so that
    // arrows sent together do not all end at the same height.
    const reach = arrow.fate === "nowhere" ? 1 : arrow.fate === "cut" ? 0.5 : 0.68;
    const fall = 15 + 2 * Math.abs(message.from - (message.to ?? message.from));
    Object.assign(arrow, { x1: x1 + side * 4, y1, x2: x1 + (to - x1) * reach, y2: y1 + fall });
  }
}

// Returns the stretches of one phase that each lane's sessions go through, from turn to turn.
function bands() {
  const found = [];
  run.states.forEach((changes, node) => {
    const open = new Map();
    const close = (session, until) => {
      const band = open.get(session);
      if (band) found.push({ ...band, until });
      open.delete(session);
    };
    for (const [step, states] of changes) {
      const turn = itemOf(step);
      const at = (isMessage(turn ?? {}) ? turnOf.get(turn.turn) : turn)?.y ?? 0;
      const now = new Map(states.map((state) => [state.session, state.phase]));
      for (const [session, band] of [...open]) if (now.get(session) !== band.phase) close(session, at);
      for (const [session, phase] of now) {
        if (!open.has(session)) open.set(session, { node, session, phase, from: at });
      }
    }
    for (const session of [...open.keys()]) close(session, null);
  });
  return found;
}
