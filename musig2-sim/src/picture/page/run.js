// The run as given to the page, and look-up tables for the other scripts.

const run = JSON.parse(document.getElementById("run").textContent);
const turnOf = new Map(run.turns.map((turn) => [turn.step, turn]));
const messageOf = new Map(run.messages.map((message) => [message.step, message]));

// The protocol names signers by their position among the sorted keys, and lanes are nodes. So text
// about a signer gives both, and what a message carries is named by node, unless it is the sender's
// own.
const nodeOf = (session, signer) => run.sessions[session]?.signers[signer] ?? null;
function named(text, session) {
  return text.replace(/\bsigner (\d+)/g, (words, signer) => {
    const node = nodeOf(session, Number(signer));
    return node === null ? words : `${words} (node ${node})`;
  });
}
for (const message of run.messages) {
  message.words = message.words.replace(/\b(join|nonces|partial signatures|abort) (\d+)/g, (words, kind, signer) => {
    const node = nodeOf(message.session, Number(signer));
    if (node === null) return words;
    return node === message.from ? kind : `${kind} of ${node}`;
  });
}
for (const note of run.turns.flatMap((turn) => turn.notes)) note.text = named(note.text, note.session);

// An arrow is one arrival of a message: a duplicated message has two.
const arrows = run.messages.flatMap((message) =>
  message.ways.map((way, index) => ({ key: `m${message.step}.${index}`, message, ...way })));

// The messages that each turn sent.
const sentIn = new Map();
for (const message of run.messages) {
  if (!sentIn.has(message.turn)) sentIn.set(message.turn, []);
  sentIn.get(message.turn).push(message);
}
// The turns that another turn led to without a message, such as an order after an event or a start
// after a crash.
const ledTo = new Map();
for (const turn of run.turns) {
  if (turn.cause === null) continue;
  if (!ledTo.has(turn.cause)) ledTo.set(turn.cause, []);
  ledTo.get(turn.cause).push(turn);
}
for (const turn of run.turns) {
  const about = [turn.session, ...turn.notes.map((note) => note.session)];
  if (turn.message !== null) about.push(messageOf.get(turn.message).session);
  turn.sessions = new Set(about.filter((session) => session !== null));
}

// Each fate that an arrow can have, with its words in the legend.
const FATES = {
  delivered: "delivered",
  late: "late: over four times the usual trip",
  duplicate: "delivered a second time",
  corrupt: "altered on the way",
  lost: "lost",
  cut: "cut off by a partition",
  crowded: "lost before a link that was full",
  missed: "its receiver was down or did not listen",
  nowhere: "sent to an address that is no node's",
  flying: "on its way when the run ended",
};
const PHASES = ["proposed", "joining", "nonces", "partials", "finalizing", "complete", "aborted"];
// The mark of a turn is the first of these that its notes have, or else the turn's kind.
const MARKS = {
  error: "an error that should not be",
  aborted: "session aborted",
  complete: "session complete",
  stalled: "stalled: half of a phase's time is over",
  attempt: "a new attempt after a restart",
  refused: "refused an order",
  reported: "reported a peer",
  crashed: "crashed",
  restarted: "came back",
  started: "started",
  clock: "clock set",
  paused: "paused",
  resumed: "went on",
  ordered: "ordered by its application",
  received: "received a message",
  missed: "missed a message",
  ticked: "woken by its deadline",
  peer: "told of a peer",
};
const markOf = (turn) => {
  const said = new Set(turn.notes.map((note) => note.mark));
  return Object.keys(MARKS).find((mark) => said.has(mark)) ?? turn.kind;
};

function time(micros) {
  if (micros < 1_000_000) return `${trimmed(micros / 1_000, 3)} ms`;
  return `${trimmed(micros / 1_000_000, 3)} s`;
}
// Shortens a time as much as an axis needs.
function briefly(micros) {
  if (micros < 1_000_000) return `${trimmed(micros / 1_000, micros < 100_000 ? 1 : 0)} ms`;
  return `${trimmed(micros / 1_000_000, micros < 10_000_000 ? 3 : 2)} s`;
}
const exactly = (micros) => `${Math.floor(micros / 1_000_000)}.${String(micros % 1_000_000).padStart(6, "0")} s`;
const trimmed = (number, digits) => String(Number(number.toFixed(digits)));

// Returns a node's sessions before and after a turn.
function statesAround(turn) {
  const changes = run.states[turn.node] ?? [];
  let after = changes.length;
  while (after > 0 && changes[after - 1][0] > turn.step) after -= 1;
  // One call may record several steps; its own change is the one at the turn's step.
  const changed = after > 0 && changes[after - 1][0] === turn.step;
  const known = (count) => (count > 0 ? changes[count - 1][1] : []);
  return { before: known(changed ? after - 1 : after), after: known(after) };
}

const nameOf = (message) => (message.to === null ? "nowhere" : `node ${message.to}`);
const titleOf = (message) =>
  `${message.gossip ? "Publication" : "Frame"} #${message.number}: node ${message.from} → ${nameOf(message)}`;

// Returns what led to an item (a turn or a message), latest first.
function causes(item) {
  const chain = [];
  for (let next = causeOf(item); next && chain.length < 1_000; next = causeOf(next)) chain.push(next);
  return chain;
}
function causeOf(item) {
  if (isMessage(item)) return turnOf.get(item.turn);
  if (item.message !== null) return messageOf.get(item.message);
  return turnOf.get(item.cause);
}
// Returns what an item led to directly.
function effects(item) {
  if (isMessage(item)) return item.ways.map((way) => turnOf.get(way.turn)).filter(Boolean);
  return [...(sentIn.get(item.step) ?? []), ...(ledTo.get(item.step) ?? [])];
}
const isMessage = (item) => item.ways !== undefined;
const itemOf = (step) => {
  if (messageOf.has(step)) return messageOf.get(step);
  if (turnOf.has(step)) return turnOf.get(step);
  // The step is something that was said in a turn.
  return run.turns.find((turn) => turn.notes.some((note) => note.step === step)) ?? null;
};
